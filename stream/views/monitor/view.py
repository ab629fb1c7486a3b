"""The monitor's picture of a `MonitorState`, made of rich renderables; below 80 columns a speaker is one
line."""

from collections.abc import Sequence
from itertools import zip_longest

from rich.box import ROUNDED
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from emotrack.notify import clock, plain, shorten
from emotrack.stream.views.monitor.header import header
from emotrack.stream.views.monitor.state import LASTING, MonitorState, Notice, SpeakerState
from emotrack.stream.wire.protocol.messages import Emotion, Person
from emotrack.stream.wire.protocol.parts import ModalityState
from emotrack.stream.wire.protocol.vocabulary import LABELS

COLOURS = {
    "neutral": "#9aa7b5",
    "joy": "#f4c542",
    "sadness": "#5c9ded",
    "anger": "#ee5d50",
    "surprise": "#ee8fd0",
    "fear": "#a98bea",
    "disgust": "#7fbf5b",
}
OTHER_COLOUR = "#5fc7c0"
MODALITIES = ("text", "audio", "face", "body")
WIDEST = 100
"""Columns; beyond, bars only get longer, not clearer."""
NARROW = 80
"""Columns below which there is no room for bars beside the modalities."""
NAME_WIDTH = 12
NOTICES = 3
"""Rows kept for the last events; a tall terminal has more."""
KEYS = "Ctrl-C ends"
MODES_WIDTH = 38
GAP = 3
_BLOCKS = " ▏▎▍▌▋▊▉█"
_LEVELS = "▁▂▃▄▅▆▇█"


def render(
    state: MonitorState,
    *,
    width: int,
    height: int,
    silence: float = 0.0,
    waiting: str = "",
    remarks: Sequence[str] = (),
) -> RenderableType:
    """The whole picture for a terminal of `width` × `height`.

    `silence`: seconds since the last message; `waiting`: shown before the first; `remarks`: problems of this
    side, one sentence each.
    """
    width = min(width, WIDEST)
    said = [Text(plain(remark), style="yellow") for remark in remarks]
    if not state.session_id:
        return Group(Text(f"  {waiting}", style="dim italic"), *said, _footer(Text(), "", width))
    labels = state.session.vocabulary.labels if state.session else LABELS
    head = header(state, width, silence, max(1, height // 4))
    narrow = width < NARROW
    panel_height = 1 if narrow else max(len(labels), len(MODALITIES) + 3) + 3
    room = max(1, (height - len(head) - NOTICES) // panel_height)
    latest = sorted(state.names, key=state.last_told)[-room:]
    shown = [name for name in state.names if name in latest]  # by first appearance: nobody jumps about
    parts = [*head]
    for name in shown:
        person, speaker = state.people.get(name), state.speakers.get(name)
        if narrow:
            parts.append(_line(name, person, speaker, width))
        else:
            parts.append(_panel(name, person, speaker, labels, width))
    if not shown:
        parts.append(Text("  Nobody has spoken or been seen yet.", style="dim italic"))
    free = max(NOTICES, height - len(head) - (panel_height * len(shown) or 1))
    lines = [_notice(notice) for notice in state.notices]
    lines = [*lines, *said][-free:] or [Text()]
    for line in lines[:-1]:
        line.truncate(width, overflow="ellipsis")
    hidden = len(state.names) - len(shown)
    return Group(*parts, *lines[:-1], _footer(lines[-1], f"and {hidden} more · " if hidden else "", width))


def colour(label: str) -> str:
    """The colour of a label."""
    return COLOURS.get(label, OTHER_COLOUR)


def bar(share: float, width: int) -> str:
    """A horizontal bar in eighths of a column."""
    eighths = round(min(1.0, max(0.0, share)) * width * 8)
    return ("█" * (eighths // 8) + _BLOCKS[eighths % 8].strip()).ljust(width)


def _footer(line: Text, more: str, width: int) -> RenderableType:
    """The last row: the last event, and at its end what else there is to know."""
    hint = Text(f"  {more}{KEYS} ", style="dim")
    table = Table.grid(padding=0)
    table.add_column(width=width - hint.cell_len, no_wrap=True, overflow="ellipsis")
    table.add_column(width=hint.cell_len, no_wrap=True)
    table.add_row(line, hint)
    return table


def _panel(
    name: str, person: Person | None, speaker: SpeakerState | None, labels: tuple[str, ...], width: int
) -> RenderableType:
    """One person: their steady state with bars of all labels, what their last utterance was made of, the
    trend and what was said. Until their state is told it is that of the utterance."""
    shown = _shown(person, speaker)
    tint = colour(shown.label)
    title = Text.assemble(
        (f" {name} ", "bold default not dim"),
        ("● ", f"not dim {tint}"),
        (f"{plain(shown.label)} ", f"bold not dim {tint}"),
        (f"{shown.confidence * 100:.0f} % ", f"not dim {tint}"),
        (f"since {clock(person.since)} " if person else "", "not dim default"),
    )
    speaking = speaker is not None and speaker.emotion.state == "partial"
    inner = width - 4
    bars_width = inner - MODES_WIDTH - GAP
    bars = [_bar(label, shown, bars_width) for label in labels]
    body = Table.grid(padding=0)
    body.add_column(width=bars_width + GAP, no_wrap=True)
    body.add_column(width=MODES_WIDTH, no_wrap=True, overflow="ellipsis")
    facts = [Text("says nothing", style="dim italic")] if speaker is None else _facts(speaker, person)
    for row in zip_longest(bars, facts, fillvalue=Text()):
        body.add_row(*row)
    return Panel(
        Group(body, Text() if speaker is None else _words(speaker, inner)),
        title=title,
        title_align="left",
        subtitle=_subtitle(person, speaker),
        subtitle_align="right",
        box=ROUNDED,
        border_style=tint if speaking else f"dim {tint}",
        width=width,
        padding=(0, 1),
    )


def _shown(person: Person | None, speaker: SpeakerState | None) -> Person | Emotion:
    """What is shown of somebody: how they are, else what their last utterance was."""
    if person is not None:
        return person
    assert speaker is not None
    return speaker.emotion


def _subtitle(person: Person | None, speaker: SpeakerState | None) -> Text:
    """Where they are, their last utterance, and how many tell what is usual for them."""
    parts = [_shown(person, speaker).source]
    if person is not None and person.state == "away":
        parts.append("away")
    if speaker is not None:
        emotion = speaker.emotion
        going = "speaking" if speaks(emotion) else "seen"
        said = going if emotion.state == "partial" else emotion.state
        parts.append(f"{clock(emotion.start)}–{clock(emotion.end)} · {said}")
    elif person is not None and person.face is not None:
        parts.append(f"face {person.face}")
    if person is not None and person.baseline:
        parts.append(f"usual known from {person.baseline}")
    return Text(f" {' · '.join(parts)} ", style="not dim default")


def speaks(emotion: Emotion) -> bool:
    """Whether the utterance is speech, and no window over somebody who is only seen."""
    audio = emotion.modalities.get("audio")
    return audio is None or audio.reason not in ("no speech", "muted", "no audio")


def _facts(speaker: SpeakerState, person: Person | None) -> list[Text]:
    """What the last utterance was labelled, if that is not all that is shown, and what it was made of."""
    emotion = speaker.emotion
    modalities = [(modality, emotion.modalities.get(modality)) for modality in MODALITIES]
    facts = [
        _modality(name, modality)
        for name, modality in modalities
        if modality is None or modality.present or modality.reason not in LASTING
    ]
    said = Text()
    if person is not None:
        now = f"{plain(emotion.label)} {emotion.confidence * 100:.0f} %"
        said = Text.assemble(("latest ", "dim"), (now, colour(emotion.label)))
    return [*facts, said, _trend(speaker), _delay(emotion)]


def _line(name: str, person: Person | None, speaker: SpeakerState | None, width: int) -> RenderableType:
    """All of a person that a narrow terminal has room for: the label and the words."""
    shown = _shown(person, speaker)
    tint = colour(shown.label)
    speaking = speaker is not None and speaker.emotion.state == "partial"
    line = Text.assemble(
        ("● " if speaking else "  ", tint),
        (f"{shorten(name, NAME_WIDTH):<{NAME_WIDTH}} ", "bold"),
        (f"{plain(shown.label):<9.9}{shown.confidence * 100:3.0f} % ", f"bold {tint}"),
    )
    if speaker is not None:
        line.append_text(_words(speaker, max(1, width - line.cell_len)))
    line.truncate(width, overflow="ellipsis")
    return line


def _bar(label: str, shown: Person | Emotion, width: int) -> Text:
    share = shown.scores.get(label, 0.0)
    chosen = label == shown.label
    return Text.assemble(
        (f"{plain(label):<9.9} ", "bold" if chosen else "dim"),
        (bar(share, max(4, width - 14)), colour(label) if chosen else f"dim {colour(label)}"),
        (f"{share * 100:4.0f}", "bold" if chosen else "dim"),
    )


def _modality(name: str, modality: ModalityState | None) -> Text:
    """Present: its weight in the fusion. Imputed or masked: why."""
    reason = plain(modality.reason or "") if modality else ""
    if modality is None or not (modality.present or (modality.imputed and modality.weight)):
        return Text.assemble(
            (f"{name:<6}○ ", "dim"), ("masked: " if reason else "masked", "dim"), (reason, "dim italic")
        )
    weight = f"{modality.weight * 100:3.0f} % "
    if modality.present:
        return Text.assemble(f"{name:<6}", ("● ", "green"), weight, (reason, "dim"))
    return Text.assemble(
        f"{name:<6}",
        ("◐ ", "yellow"),
        weight,
        ("imputed: " if reason else "imputed", "yellow"),
        (reason, "yellow italic"),
    )


def _trend(speaker: SpeakerState) -> Text:
    """One block an utterance: its colour the label, its height the confidence."""
    line = Text.assemble(("trend ", "dim"))
    for mark in speaker.trend[-(MODES_WIDTH - 6) :]:
        line.append(_LEVELS[min(7, int(mark.confidence * 8))], style=colour(mark.label))
    return line


def _delay(emotion: Emotion) -> Text:
    """How long after the last word the label was out: waiting for the end of the utterance, then the work."""
    endpoint, total = emotion.timing_ms.endpoint, emotion.timing_ms.total
    if emotion.state == "partial" or endpoint is None or total is None:
        return Text()
    return Text(f"after the last word: {(endpoint + total) / 1000:.2f} s", style="dim")


def _words(speaker: SpeakerState, width: int) -> Text:
    """What was said; while the words are still to come those of the utterance before, marked so; else why
    there are none."""
    emotion = speaker.emotion
    modality = emotion.modalities.get("text")
    if emotion.transcript and emotion.transcript.text:
        line = Text(f"“{plain(emotion.transcript.text)}”", style="italic")
    elif emotion.state == "partial" and speaker.before:
        line = Text(f"before: “{plain(speaker.before)}”", style="dim italic")
    elif modality is None or modality.reason in (None, "no words"):
        line = Text("no words", style="dim italic")
    else:
        line = Text(f"words: {plain(modality.reason or '')}", style="dim italic")
    line.truncate(width, overflow="ellipsis")
    return line


def _notice(notice: Notice) -> Text:
    return Text.assemble(
        (f" {clock(notice.time)}  ", "dim"), (plain(notice.text), "yellow" if notice.bad else "dim")
    )
