"""An explanation in words and bars, for the terminal and for a file."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from emotrack.explaining.contributions import Contribution, Loss
from emotrack.explaining.deletion import Deletion, DeletionSummary
from emotrack.explaining.explanation import Explanation
from emotrack.modalities import MODALITIES
from emotrack.notify import clock, plain
from emotrack.stream.views.monitor.view import bar, colour

FOR, AGAINST = "#3f8fd2", "#e07b29"
"""Blue and orange: told apart by every kind of colour vision, and on dark and light grounds."""
WIDTH = 24
LISTED = 8
KINDS = {"word": "words", "segment": "sound", "region": "face", "frame": "face", "body": "body"}


def signed(value: float, digits: int = 2) -> str:
    """A number with its sign, typeset; what rounds to nothing is +0."""
    return f"{round(value, digits) + 0.0:+.{digits}f}".replace("-", "−")


def render(explanation: Explanation) -> RenderableType:
    """Everything, the strongest parts of each kind first."""
    largest = max(
        1.0,
        *(
            abs(found.contribution)
            for found in (*explanation.modalities.values(), *explanation.parts, *explanation.lines)
        ),
        abs(explanation.context.both.contribution),
    )
    table = Table.grid(padding=(0, 1))
    table.add_column(width=22, no_wrap=True, overflow="ellipsis")
    table.add_column(width=7, justify="right")
    table.add_column(width=2 * WIDTH + 1, no_wrap=True)
    table.add_column(justify="right")
    _modalities(table, explanation, largest)
    for kind, title in (("line", "said before"), *((kind, title) for kind, title in KINDS.items())):
        found = [part for part in (*explanation.lines, *explanation.parts) if part.part.kind == kind]
        _parts(table, title, found, largest)
    return Group(
        *_heading(explanation),
        Text(),
        Text(
            f"What {explanation.label} loses without each part, given the same dialogue before: log₂ of "
            "its odds (+1: the part doubles them; not all add up); of a region or a word, averaged over "
            "what else of it is left out.",
            style="dim",
        ),
        Text(),
        table,
        Text(),
        Text(deletion_sentence(explanation.label, explanation.deletion)),
    )


def render_row(explanation: Explanation) -> RenderableType:
    """One utterance among many: its label, its words, and the parts that did most for the label or against
    it."""
    strongest = sorted(explanation.parts, key=lambda found: -abs(found.contribution))[:4]
    row = Text.assemble(
        (f"{explanation.labelled.utterance:>4}  ", "dim"),
        ("● ", colour(explanation.label)),
        (f"{plain(explanation.label):<9}{100 * explanation.probability:3.0f} %  ", "bold"),
    )
    for found in strongest:
        row.append(f" {plain(found.part.name)} ", "")
        row.append(signed(found.contribution) + " ", FOR if found.contribution > 0 else AGAINST)
    return row


def deletion_sentence(label: str, deletion: Deletion | None) -> str:
    """The check by deletion of one utterance."""
    if deletion is None:
        return f"No part by itself speaks for {label}, so there is nothing to check by deletion."
    return (
        f"Check by deletion: without its top 1–{len(deletion.top)} parts the probability of {label} "
        f"changes by {signed(-100 * deletion.drop, 1)} points on average, without as many random ones by "
        f"{signed(-100 * deletion.random_drop, 1)} ({len(deletion.random)} random orders)."
    )


def summary_sentence(summary: DeletionSummary, total: int) -> str:
    """The check by deletion of many utterances, of `total` that there are."""
    low, high = (100 * end for end in summary.interval)
    left_out = (
        ""
        if total == summary.utterances
        else f" of {total} (the others have no part that speaks for their label)"
    )
    return (
        f"Check by deletion over {summary.utterances} utterances{left_out}: without the top parts the "
        f"probability of the label changes by {signed(-100 * summary.drop, 1)} points on average, without "
        f"as many random ones by {signed(-100 * summary.random_drop, 1)}; the top parts weigh "
        f"{100 * summary.difference:.1f} points more (95 % interval {low:.1f} to {high:.1f}, bootstrap "
        f"over utterances), and more than random ones in {100 * summary.better:.1f} % of the utterances."
    )


def _heading(explanation: Explanation) -> list[RenderableType]:
    told, transcript = explanation.labelled, explanation.labelled.evidence.transcript
    others = sorted(explanation.scores.items(), key=lambda score: -score[1])[1:4]
    title = Text.assemble(
        (f"utterance {told.utterance} ", "bold"),
        (f"· {plain(told.speaker)} · {clock(told.start)}–{clock(told.end)}   ", "dim"),
        ("● ", colour(explanation.label)),
        (f"{plain(explanation.label)} {100 * explanation.probability:.0f} %", "bold"),
        ("   then " + ", ".join(f"{plain(name)} {100 * score:.0f}" for name, score in others), "dim"),
    )
    if transcript is None or not transcript.text:
        return [title]
    words = [found for found in explanation.parts if found.part.kind == "word"]
    strongest = max((abs(found.contribution) for found in words), default=0.0)
    said = (
        Text(" ").join([_tinted(found, strongest) for found in words])
        if words
        else Text(plain(transcript.text), style="dim")
    )
    return [title, Padding(Text.assemble("“", said, "”"), (1, 0, 0, 2))]


def _tinted(found: Contribution, strongest: float) -> Text:
    """A word, in colour where it weighs at least a fifth of the strongest one."""
    weighs = strongest > 0 and abs(found.contribution) >= strongest / 5
    tint = FOR if found.contribution > 0 else AGAINST
    return Text(plain(found.part.name), style=f"bold {tint}" if weighs else "")


def _modalities(table: Table, explanation: Explanation, largest: float) -> None:
    table.add_row(Text("modalities", style="bold"), "", "", Text("fusion weight", style="dim"))
    for modality in MODALITIES:
        weight = explanation.weights[modality]
        share = Text(f"{100 * weight:.0f} %")
        if modality in explanation.modalities:
            _row(table, modality, explanation.modalities[modality], largest, share)
        else:
            reason = plain(explanation.labelled.evidence.reasons.get(modality, ""))
            state = "imputed" if weight > 0 else "masked"
            table.add_row(
                Text(f"  {modality}", style="dim"), "", Text(f"{state}: {reason}", style="dim italic"), share
            )
    _row(table, "the dialogue before", explanation.context.both, largest)
    if explanation.context.lines is not None:
        _row(table, "  its memory", explanation.context.memory, largest)
        _row(table, "  its words", explanation.context.lines, largest)


def _parts(table: Table, title: str, found: Sequence[Contribution], largest: float) -> None:
    if not found:
        return
    table.add_row("", "", "", "")
    table.add_row(Text(title, style="bold"), "", "", "")
    ordered = sorted(found, key=lambda one: -abs(one.contribution))
    for one in ordered[:LISTED]:
        _row(table, plain(one.part.name), one, largest)
    if len(ordered) > LISTED:
        table.add_row(Text(f"  and {len(ordered) - LISTED} weaker", style="dim"), "", "", "")


def _row(table: Table, name: str, loss: Loss, largest: float, extra: Text | str = "") -> None:
    table.add_row(Text(f"  {name}"), signed(loss.contribution), _bars(loss.contribution / largest), extra)


def _bars(share: float) -> Text:
    """A bar from the middle: to the right for the label, to the left against it."""
    blocks = bar(abs(share), WIDTH).rstrip()
    if share >= 0:
        return Text.assemble(" " * WIDTH, ("│", "dim"), (blocks, FOR))
    # Block characters fill from the left only; towards the left whole columns and one half must do.
    halves = round(abs(share) * WIDTH * 2)
    left = "▐" * (halves % 2) + "█" * (halves // 2)
    return Text.assemble((left.rjust(WIDTH), AGAINST), ("│", "dim"))
