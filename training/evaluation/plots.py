"""The tables as pictures."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from emotrack.training.evaluation.evaluated import SUBSETS, Evaluated
from emotrack.training.evaluation.papers import ABLATIONS, AMUSE, MODES, OTHERS
from emotrack.training.evaluation.plots_robustness import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    drawing,
    outer_legend,
    plot_alone,
    plot_drawn,
    plot_elsewhere,
    plot_words,
)
from emotrack.training.evaluation.records import LOOK_AHEADS
from emotrack.training.evaluation.tables.main import CALIBRATION_GOAL, LIVE_GOAL
from emotrack.training.evaluation.tables.missing import (
    NEEDS_BODY,
    SAME_AS_FULL,
    WAYS,
    matched_subsets,
    mosi_subsets,
    spread,
)
from emotrack.training.evaluation.tables.per_class import GOALS, score
from emotrack.training.loop.metrics import Figures, mean_and_deviation


def plot_main(evaluated: Evaluated, folder: Path) -> list[Path]:
    """Ours among other systems, the confusion matrix, and reliability."""
    if not evaluated.seeds:
        return []
    paths = [folder / name for name in ("confusion.png", "reliability.png")]
    live = evaluated.newest.dialogues.live
    with drawing(paths[0], 6.4, 5.6) as (axes,):
        confusion(axes, live)
    with drawing(paths[1], 5.6, 4.8) as (axes,):
        reliability(axes, live)
    if evaluated.corpus == "MELD":
        paths.append(folder / "main.png")
        with drawing(paths[-1], 7.8, 3.9) as (axes,):
            among_others(axes, [one.dialogues.live.weighted_f1 for one in evaluated.seeds])
    return paths


def among_others(axes: Axes, live: Sequence[float]) -> None:
    """Our live labels among the published systems."""
    mean, deviation = mean_and_deviation(live)
    systems = [("emotrack, T, live", mean, "ours"), ("AM²-EmoJE, T+A+V", MODES[-1].meld or 0.0, "offline")]
    systems += [
        (one.name, one.meld or 0.0, "causal" if "causal" in one.notes else "offline") for one in OTHERS
    ]
    systems.sort(key=lambda one: one[1])
    looks = {
        "ours": (BLUE, "D", "ours, live: no later utterance is read"),
        "causal": (ORANGE, "o", "other causal systems"),
        "offline": (GREY, "s", "systems that read the future"),
    }
    for kind, (colour, marker, label) in looks.items():
        places = [place for place, (_, _, which) in enumerate(systems) if which == kind]
        axes.scatter(
            [systems[place][1] for place in places],
            places,
            s=58,
            color=colour,
            marker=marker,
            label=label,
            zorder=3,
        )
    for place, (name, value, _) in enumerate(systems):
        axes.text(value, place + 0.24, f"{value:.2f}", ha="center", fontsize=8.5)
        if name.startswith("emotrack") and deviation is not None:
            axes.errorbar(value, place, xerr=deviation, color=BLUE, capsize=3)
    axes.set_yticks(range(len(systems)), [name for name, _, _ in systems])
    axes.axvline(LIVE_GOAL, color=INK, linestyle=":", linewidth=1.2, label=f"our goal of {LIVE_GOAL}")
    axes.set_ylim(-0.6, len(systems) - 0.35)
    axes.set_xlim(min(57, mean - 1.5), 74)
    axes.set_xlabel("weighted F1, %")
    axes.set_title("MELD test")
    outer_legend(axes, 2)


def confusion(axes: Axes, figures: Figures) -> None:
    """Share of each label's utterances by what they were named, with the counts."""
    counts = np.array(figures.confusion)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    names = list(figures.by_class)
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.ndindex(counts.shape):
        colour = "white" if shares[row, column] > 0.55 else INK
        text = f"{shares[row, column]:.0%}\n{counts[row, column]}"
        axes.text(column, row, text, ha="center", va="center", fontsize=8, color=colour, linespacing=1.1)
    axes.set_xticks(range(len(names)), names, rotation=35, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("named")
    axes.set_ylabel("label")
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.set_title("Test, text only, live: what each label is named")
    figure = axes.get_figure(root=True)
    if figure is not None:
        figure.colorbar(image, ax=axes, shrink=0.75, label="share of the label's utterances")


def reliability(axes: Axes, figures: Figures) -> None:
    """How often labels of some confidence are right."""
    bins = figures.reliability
    confidence = [one.confidence for one in bins]
    axes.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1, label="perfect")
    axes.plot(confidence, [one.accuracy for one in bins], color=BLUE, linewidth=1.4)
    axes.scatter([], [], s=40, color=BLUE, label="labels of about one confidence (area: how many)")
    sizes = [25 + 900 * one.share for one in bins]
    axes.scatter(confidence, [one.accuracy for one in bins], s=sizes, color=BLUE, alpha=0.8, linewidth=0)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_aspect("equal")
    axes.set_xlabel("confidence")
    axes.set_ylabel("share that is right")
    axes.set_title(f"Calibration error {figures.calibration_error:.3f} (goal ≤ {CALIBRATION_GOAL})")
    axes.legend(loc="upper left")


def plot_missing(evaluated: Evaluated, folder: Path) -> list[Path]:
    """Every subset of the modes by what stands in for the others."""
    panels = [
        (title, rows)
        for title, rows in (
            ("MOSI (parallel)", mosi_subsets(evaluated)),
            ("MELD, label-matched", matched_subsets(evaluated)),
        )
        if rows
    ]
    if not panels:
        return []
    looks = {
        "zero": (ORANGE, "s", "zero-fill"),
        "masked": (GREY, "o", "masked fusion"),
        "joint": (BLUE, "D", "joint embedding (JE)"),
    }
    path = folder / "missing.png"
    with drawing(path, 5.2 * len(panels) + 0.4, 4.4, len(panels)) as every:
        for axes, (title, rows) in zip(every, panels, strict=True):
            names = [name for name in SUBSETS if name in rows]
            for shift, way in zip((-0.22, 0, 0.22), WAYS, strict=True):
                spreads = [mean_and_deviation(spread(rows[name], way).values) for name in names]
                colour, marker, label = looks[way]
                axes.errorbar(
                    np.arange(len(names)) + shift,
                    [mean for mean, _ in spreads],
                    [deviation or 0 for _, deviation in spreads],
                    fmt=marker,
                    color=colour,
                    markersize=6.5,
                    capsize=2.5,
                    linewidth=1.2,
                    label=label,
                )
            axes.set_xticks(range(len(names)), names)
            axes.set_title(title)
            axes.grid(visible=False, axis="x")
            for edge in np.arange(len(names) - 1) + 0.5:
                axes.axvline(edge, color="#F0F0F0", linewidth=1)
        every[0].set_ylabel("weighted F1, %")
        outer_legend(every[0], 3)
    return [path]


def plot_ablation(evaluated: Evaluated, folder: Path) -> list[Path]:
    """Our ablations on MOSI beside the papers' on MELD."""
    mosi = evaluated.mosi
    if mosi is None or len(mosi.variants) < 2:
        return []
    rows = [one for one in (*ABLATIONS, *AMUSE) if not any(body in one.name for body in NEEDS_BODY)]
    path = folder / "ablation.png"
    with drawing(path, 10.5, 5.2, 2) as (ours, theirs):
        for place, one in enumerate(reversed(rows)):
            variant = "full" if one.name in SAME_AS_FULL else one.name
            values = [figures.weighted_f1 for figures in mosi.variants[variant].all]
            mean, deviation = mean_and_deviation(values)
            colour = ORANGE if variant == "full" else BLUE
            ours.errorbar(
                mean,
                place,
                xerr=deviation,
                fmt="D" if variant == "full" else "o",
                color=colour,
                capsize=3,
                markersize=6.5,
            )
            ours.scatter(values, [place] * len(values), s=12, color=GREY, zorder=3, alpha=0.7)
            if one.meld is not None:
                theirs.scatter(
                    one.meld,
                    place,
                    s=42,
                    color=ORANGE if variant == "full" else BLUE,
                    marker="D" if variant == "full" else "o",
                )
                theirs.text(one.meld + 0.35, place, f"{one.meld:.2f}", va="center", fontsize=8.5)
        ours.set_yticks(range(len(rows)), [one.name for one in reversed(rows)])
        theirs.set_yticks(range(len(rows)), [""] * len(rows))
        theirs.set_xlim(59, 75.5)
        theirs.set_ylim(ours.get_ylim())
        ours.set_title("Ours, MOSI test: mean ± sd, seeds in grey")
        theirs.set_title("The papers' own, MELD test")
        for axes in (ours, theirs):
            axes.set_xlabel("weighted F1, %   (orange: full model)")
    return [path]


def plot_streaming(evaluated: Evaluated, folder: Path) -> list[Path]:
    """Weighted F1 by how much of the future is seen, and the distance to offline with its interval."""
    if not evaluated.seeds:
        return []
    path = folder / "streaming.png"
    kinds = ["live", *(f"revised+{count}" for count in LOOK_AHEADS)]
    names = ["live", *(f"+{count}" for count in LOOK_AHEADS), "offline"]
    values = [[score(one, kind) for one in evaluated.seeds] for kind in kinds]
    values.append([one.dialogues.offline.weighted_f1 for one in evaluated.seeds])
    taxes = evaluated.newest.dialogues.taxes
    with drawing(path, 9.6, 3.9, 2) as (scores, lost):
        spreads = [mean_and_deviation(one) for one in values]
        places = range(len(names))
        scores.errorbar(
            places,
            [mean for mean, _ in spreads],
            [deviation or 0 for _, deviation in spreads],
            fmt="-o",
            color=BLUE,
            capsize=3,
            markersize=6.5,
            linewidth=1.4,
        )
        for place, one in zip(places, values, strict=True):
            scores.scatter([place] * len(one), one, s=12, color=GREY, zorder=3, alpha=0.7)
        scores.set_xticks(places, names)
        scores.set_xlabel("later utterances seen")
        scores.set_ylabel("weighted F1, %")
        scores.set_title(f"{evaluated.corpus} test, text only: mean ± sd, seeds in grey")
        for place, kind in enumerate(kinds):
            tax = taxes[kind]
            lost.plot([place, place], [tax.low, tax.high], color=BLUE, linewidth=2.2, solid_capstyle="round")
            lost.scatter(place, tax.difference, s=46, color=BLUE, zorder=3)
            if kind in GOALS:
                lost.plot(
                    [place - 0.28, place + 0.28],
                    [GOALS[kind]] * 2,
                    color=ORANGE,
                    linewidth=2,
                    label="goal" if place == 0 else None,
                )
        lost.axhline(0, color=INK, linewidth=0.8)
        lost.set_xticks(range(len(kinds)), names[:-1])
        lost.set_xlim(-0.6, len(kinds) - 0.4)
        lost.set_xlabel("later utterances seen")
        lost.set_ylabel("points of weighted F1")
        lost.set_title("Difference to offline, 95 % paired bootstrap")
        outer_legend(lost, 1)
    return [path]


def plot_per_class(evaluated: Evaluated, folder: Path) -> list[Path]:
    """F1, precision and recall of every class."""
    if not evaluated.seeds:
        return []
    path = folder / "per-class.png"
    names = list(evaluated.seeds[0].dialogues.live.by_class)
    with drawing(path, 7.6, 4) as (axes,):
        for place, name in enumerate(names):
            of = [one.dialogues.live.by_class[name] for one in evaluated.seeds]
            mean, deviation = mean_and_deviation([one.f1 for one in of])
            axes.bar(
                place,
                mean,
                width=0.62,
                color=BLUE,
                alpha=0.85,
                yerr=deviation,
                ecolor=INK,
                capsize=3,
                label=_once("F1", place),
            )
            for value, marker, colour, label in (
                (np.mean([one.precision for one in of]), "^", ORANGE, "precision"),
                (np.mean([one.recall for one in of]), "v", GREEN, "recall"),
            ):
                axes.scatter(
                    place,
                    value,
                    marker=marker,
                    s=48,
                    color=colour,
                    edgecolor="white",
                    zorder=4,
                    label=_once(label, place),
                )
        support = [evaluated.seeds[0].dialogues.live.by_class[name].support for name in names]
        axes.set_xticks(
            range(len(names)), [f"{name}\n({count})" for name, count in zip(names, support, strict=True)]
        )
        axes.set_ylim(0, 100)
        axes.set_ylabel("%")
        axes.grid(visible=False, axis="x")
        axes.set_title(f"{evaluated.corpus} test, text only, live, by class (utterances in brackets)")
        outer_legend(axes, 3)
    return [path]


def _once(label: str, place: int) -> str | None:
    return label if place == 0 else None


PLOTS: dict[str, Callable[[Evaluated, Path], Sequence[Path]]] = {
    "main": plot_main,
    "missing": plot_missing,
    "ablation": plot_ablation,
    "streaming": plot_streaming,
    "per-class": plot_per_class,
    "words": plot_words,
    "drawn": plot_drawn,
    "alone": plot_alone,
    "elsewhere": plot_elsewhere,
}
