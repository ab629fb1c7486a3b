"""Who spoke when, what labels were made of and how sure they are.

No meaning is in colour alone: each label has a row of its own, how sure it is shows in a bar's height, and
what is missing is hollow or hatched.
"""

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure

from emotrack.stream.views.report.facts.certainty import GUESS, Certainty
from emotrack.stream.views.report.facts.missing import modalities
from emotrack.stream.views.report.facts.speaking import Speaking, spans_of
from emotrack.stream.views.report.facts.states import Band, resampled
from emotrack.stream.views.report.pictures.charts import (
    FAINT,
    GROUND,
    INK,
    LINE,
    SMALL,
    STRONG,
    Chart,
    drawn,
)
from emotrack.stream.views.report.pictures.drawing import (
    COLUMNS,
    coarse,
    name_of_row,
    place,
    rectangles,
    rows,
    times,
    until,
    written,
)
from emotrack.stream.views.report.wording import counted, lasting, percent, said
from emotrack.stream.wire.recordings.conversation import Conversation

TOP, LANE, BELOW = 0.05, 0.26, 0.27
"""Inches above, of a row, and for marks of time."""
STATES: dict[str, dict[str, Any]] = {
    "present": {"ground": STRONG},
    "imputed": {"ground": GROUND, "edge": STRONG, "hatch": "//////"},
    "missing": {"ground": "none", "edge": FAINT},
}
"""How it looks whether a modality was there."""


def who_spoke_when(conversation: Conversation, shown: Sequence[Speaking], *, themed: bool) -> Chart:
    """A row for each person, dark where they spoke."""
    end, spans = until(conversation), spans_of(conversation)

    def draw(figure: Figure) -> None:
        axes = rows(figure, TOP, LANE * len(shown), end, len(shown))
        for row, one in enumerate(shown):
            rectangles(axes, [(0, end, row + 0.47, 0.06)], LINE)
            spoke = resampled([Band(*span, "spoke") for span in spans[one.person]], end, COLUMNS)
            rectangles(axes, [(band.start, band.end, row + 0.14, 0.72) for band in spoke], STRONG)
            name_of_row(axes, row + 0.5, one.person)
            written(axes, percent(one.share), (end, row + 0.5), (6, 0))
        times(axes, end)

    shares = "; ".join(f"{one.person} {lasting(one.seconds)}, {percent(one.share)}" for one in shown)
    return drawn(
        "speaking",
        TOP + LANE * len(shown) + BELOW,
        draw,
        told=f"Who spoke when: {shares}",
        caption="Dark where somebody spoke. The number is the share of all that was said."
        + coarse(end, spans),
        themed=themed,
    )


def what_labels_were_made_of(conversation: Conversation, *, themed: bool) -> Chart:
    """A row for each modality: full where a label was made from it, hatched where it was estimated from the
    others, hollow where it was missing."""
    end, bands = until(conversation), {name: _states(conversation, name) for name in modalities(conversation)}
    present = {name: sum(band.label == "present" for band in states) for name, states in bands.items()}

    def draw(figure: Figure) -> None:
        axes = rows(figure, TOP, LANE * len(bands), end, len(bands))
        for row, (name, states) in enumerate(bands.items()):
            name_of_row(axes, row + 0.5, said(name))
            shown = resampled(states, end, COLUMNS)
            for state, look in STATES.items():
                boxes = [(band.start, band.end, row + 0.2, 0.6) for band in shown if band.label == state]
                rectangles(axes, boxes, **look)
            written(axes, f"{present[name]}/{len(states)}", (end, row + 0.5), (6, 0))
        times(axes, end)

    shares = "; ".join(
        f"{said(name)} in {present[name]} of {counted(len(states), 'utterance')}"
        for name, states in bands.items()
    )
    return drawn(
        "modalities",
        TOP + LANE * len(bands) + BELOW,
        draw,
        told=f"What labels were made of: {shares}",
        caption="Full: the label was made from it. Hatched: it was missing and estimated from the others. "
        "Hollow: missing. The numbers count utterances." + coarse(end, bands),
        themed=themed,
    )


def _states(conversation: Conversation, modality: str) -> Sequence[Band]:
    """Whether a modality was there, utterance by utterance."""
    return [
        Band(one.start, one.end, "present" if state.present else "imputed" if state.imputed else "missing")
        for one in conversation.utterances
        if (state := one.modalities.get(modality)) is not None
    ]


def how_sure(found: Certainty, *, themed: bool) -> Chart:
    """How many labels have which confidence."""
    highest, bins = max(found.counts), len(found.counts)

    def draw(figure: Figure) -> None:
        axes = place(figure, 0.2, 1.05)
        axes.set(xlim=(0, 1), ylim=(0, highest * 1.15))
        for tenth, number in enumerate(found.counts):
            middle = (tenth + 0.5) / bins
            look: dict[str, Any] = (
                {"facecolor": GROUND, "hatch": "////"} if middle < GUESS else {"facecolor": STRONG}
            )
            axes.bar(middle, number, 0.9 / bins, edgecolor=STRONG, linewidth=0.8, **look)
            if number:
                written(axes, f"{number:,}", (middle, number), (0, 5), ha="center", fontsize=SMALL)
        axes.axhline(0, color=LINE, linewidth=1)
        axes.axvline(found.chance, color=INK, linewidth=0.8, linestyle=(0, (2, 2)))
        chance = (found.chance, highest * 1.15)
        written(axes, "chance", chance, (0, 5), ha="center", color=FAINT, fontsize=SMALL)
        quarters = [0, 0.25, 0.5, 0.75, 1]
        axes.set_xticks(quarters, [percent(one) for one in quarters], color=FAINT)
        axes.set_xlabel("confidence of the label", fontsize=SMALL, color=FAINT)
        name_of_row(axes, highest * 0.55, "labels")

    told = ", ".join(
        f"{10 * tenth} to {10 * tenth + 10} %: {number}"
        for tenth, number in enumerate(found.counts)
        if number
    )
    return drawn(
        "confidence",
        1.65,
        draw,
        told=f"Labels by confidence: {told}",
        caption="How many labels have which confidence. Hatched: below one half. The dashed line is what "
        "blind guessing would come to.",
        themed=themed,
    )
