"""A comparison as a page, as lines for a terminal and as plain data."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from emotrack.stream.views.monitor.view import colour
from emotrack.stream.views.report.facts.comparison import Beside, Comparison
from emotrack.stream.views.report.facts.intervals import Mean
from emotrack.stream.views.report.page import began, rendered
from emotrack.stream.views.report.wording import counted, lasting, moment, percent, said, signed
from emotrack.stream.wire.protocol.messages import Emotion
from emotrack.stream.wire.recordings.conversation import Conversation

LISTED = 20
"""Changed utterances in a terminal at most; a page has `LINES`, JSON all."""
LINES = 500
PEOPLE = 20


def as_page(comparison: Comparison) -> str:
    """The comparison as one page of HTML, in the style of a report."""
    return rendered(
        "comparison.html",
        comparison=comparison,
        summary=summary(comparison),
        began=[began(one) for one in (comparison.first, comparison.second)],
        besides=[comparison.everybody, *comparison.people[:PEOPLE]],
        labels=labels_of(comparison),
        interval=interval,
        changed=comparison.changed[:LINES],
        all_changed=len(comparison.changed),
    )


def as_text(comparison: Comparison) -> RenderableType:
    """The comparison as it is printed."""
    parts: list[RenderableType] = [Text(sentence) for sentence in summary(comparison)]
    for beside in (comparison.everybody, *comparison.people[:PEOPLE]):
        parts += [Text(), _table(comparison, beside)]
    if comparison.offset is not None and comparison.pairs:
        parts += [Text(), Text("what changed", style="bold")]
        parts += [_change(pair, comparison.offset) for pair in comparison.changed[:LISTED]]
        if not comparison.changed:
            parts.append(Text("  nothing: every utterance has the same label in both."))
        if len(comparison.changed) > LISTED:
            parts.append(
                Text(f"  and {len(comparison.changed) - LISTED} more, in --out and --json", style="dim")
            )
    return Group(*parts)


def as_data(comparison: Comparison) -> dict[str, Any]:
    """All of it as plain data, for `--json`."""
    return {
        "same_media": comparison.offset is not None,
        "offset": comparison.offset,
        "sessions": [_session(one) for one in (comparison.first, comparison.second)],
        "everybody": asdict(comparison.everybody),
        "people": [asdict(one) for one in comparison.people],
        "agreement": None if comparison.agreement is None else asdict(comparison.agreement),
        "utterances": [[_utterance(one) for one in pair] for pair in comparison.pairs],
    }


def summary(comparison: Comparison) -> list[str]:
    """What is compared, and what came of it, in sentences."""
    models = [one.opened.model.hash if one.opened else "?" for one in (comparison.first, comparison.second)]
    bundles = (
        f"labelled by the same bundle, {said(models[0], 40)}"
        if models[0] == models[1]
        else f"labelled by the bundles {said(models[0], 40)} and {said(models[1], 40)}"
    )
    if comparison.offset is None:
        found = [f"Two occasions, {bundles}: not the same media, so nothing is aligned by time."]
        if not comparison.people:
            found.append(
                "Nobody goes by the same name in both; spk1 and the like are given anew in each session."
            )
        return found
    found = [f"Two accounts of the same media, {bundles}."]
    if (agreed := comparison.agreement) is not None and agreed.seconds:
        kappa = (
            "Cohen’s kappa is not defined, as only one label occurs"
            if agreed.kappa is None
            else f"Cohen’s kappa {signed(agreed.kappa)}"
        )
        found.append(
            f"The labels agree for {percent(agreed.accuracy)} of the {lasting(agreed.seconds)} that both "
            f"label ({kappa})."
        )
    both = [pair for pair in comparison.pairs if pair[0] is not None and pair[1] is not None]
    differ = sum(one.label != other.label for one, other in both if one is not None and other is not None)
    lacking = [sum(pair[side] is None for pair in comparison.pairs) for side in (0, 1)]
    found.append(
        f"Of {counted(len(both), 'utterance')} in both, {differ} changed the label; {lacking[1]} "
        f"{'is' if lacking[1] == 1 else 'are'} in the first only, {lacking[0]} in the second only."
    )
    return found


def interval(found: Mean | None) -> str:
    """A mean with its interval."""
    if found is None:
        return "–"
    if found.low is None:
        return f"{signed(found.mean)} (one utterance)"
    return f"{signed(found.mean)} [{signed(found.low)}, {signed(found.high)}]"


def labels_of(comparison: Comparison) -> Sequence[str]:
    """The labels that either session knows or gave, as many as a table has room for."""
    sides = (comparison.everybody.first, comparison.everybody.second)
    told = [
        *comparison.first.labels,
        *comparison.second.labels,
        *(name for side in sides for name in side.shares),
    ]
    return list(dict.fromkeys(told))


def _table(comparison: Comparison, beside: Beside) -> RenderableType:
    names = dict.fromkeys([beside.first_name, beside.second_name])
    table = Table.grid(padding=(0, 3, 0, 0))
    for justify in ("left", "right", "right", "right"):
        table.add_column(justify=justify)
    first, second = beside.first, beside.second
    heads = [Text(head, style="dim") for head in ("first", "second", "second − first")]
    table.add_row(Text(" / ".join(names), style="bold"), *heads)
    table.add_row("speaking time", lasting(first.seconds), lasting(second.seconds), "")
    table.add_row("utterances", str(first.utterances), str(second.utterances), "")
    for label in labels_of(comparison):
        share, then = first.shares.get(label, 0.0), second.shares.get(label, 0.0)
        if share or then:
            points = f"{signed(100 * (then - share), 0)} points"
            name = Text.assemble(("● ", colour(label)), said(label, 30))
            table.add_row(name, percent(share), percent(then), points)
    for which in ("valence", "arousal"):
        table.add_row(which, *(interval(getattr(one, which)) for one in (first, second, beside)))
    return table


def _change(pair: tuple[Emotion | None, Emotion | None], offset: float) -> RenderableType:
    one, other = pair
    shown = one or other
    assert shown is not None
    time = shown.start + (0.0 if one is not None else offset)
    words = shown.transcript.text if shown.transcript is not None else ""
    line = Text.assemble((f"{moment(time)}  ", "dim"), f"{said(shown.speaker.id, 16)}  ")
    for place, side in enumerate((one, other)):
        line.append(" → " if place else "")
        line.append_text(
            Text("–", style="dim")
            if side is None
            else Text.assemble((said(side.label, 20), colour(side.label)), f" {percent(side.confidence)}")
        )
    line.append(f"  “{said(words, 60)}”" if words else "", style="italic dim")
    line.no_wrap, line.overflow = True, "ellipsis"
    return Padding(line, (0, 0, 0, 2))


def _session(conversation: Conversation) -> dict[str, Any]:
    opened = conversation.opened
    return {
        "session": conversation.session,
        "start_unix_ns": conversation.start_unix_ns,
        "model": opened.model.hash if opened is not None else None,
        "sources": [one.description for one in opened.feeds] if opened is not None else [],
    }


def _utterance(one: Emotion | None) -> dict[str, Any] | None:
    if one is None:
        return None
    return {
        "utterance": one.utterance,
        "speaker": one.speaker.id,
        "start": one.start,
        "end": one.end,
        "label": one.label,
        "confidence": one.confidence,
        "valence": one.valence,
        "arousal": one.arousal,
        "words": one.transcript.text if one.transcript is not None else None,
    }
