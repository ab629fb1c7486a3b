"""The panels of the picture below the words: sound, face, streams, and the check by deletion."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch
from scipy.ndimage import laplace

from emotrack.explaining.explanation import Explanation
from emotrack.explaining.picture_style import FAINT, FOR, INK, LINE, Palette, ink_on, light, side, title
from emotrack.explaining.regions import heat_map
from emotrack.explaining.report import signed
from emotrack.model.configuration import STREAMS
from emotrack.model.formats import FACE_SIZE

_COLUMNS = 900
_LANE = 0.42


def draw_sound(axes: Axes, explanation: Explanation, palette: Palette) -> None:
    """The wave form, and over it the overlapping segments in two lanes."""
    told = explanation.conclusion
    segments = [found for found in explanation.parts if found.part.kind == "segment"]
    duration = told.end - told.start
    title(axes, "sound", "descriptors of overlapping segments, left out one at a time" if segments else "")
    light(axes)
    axes.set(xlim=(0, max(duration, 0.1)), ylim=(-1.05, 2.1), yticks=[])
    axes.xaxis.set_major_formatter("{x:g} s")
    _wave(axes, told.audio_16k, duration)
    for found in segments:
        assert found.part.span is not None
        start, end = found.part.span
        bottom = 1.12 + (found.part.index % 2) * (_LANE + 0.06)
        ground = palette.ground(found.contribution)
        box = FancyBboxPatch((start, bottom), end - start, _LANE, boxstyle="round,pad=0,rounding_size=0.04", mutation_aspect=4)
        box.set(facecolor=ground, edgecolor="white", linewidth=2)
        axes.add_patch(box)
        text = signed(found.contribution)
        axes.text((start + end) / 2, bottom + _LANE / 2, text, fontsize=8.5, color=ink_on(ground), ha="center", va="center")
    if not segments:
        reason = told.evidence.reasons.get("audio", "no audio")
        axes.text(0, 1.4, f"no sound: {reason}", fontsize=11, color=FAINT, style="italic", va="center")


def _wave(axes: Axes, audio: np.ndarray, duration: float) -> None:
    if not len(audio):
        axes.axhline(0, color=LINE, linewidth=1)
        return
    parts = np.array_split(audio / max(float(np.abs(audio).max()), 1e-6), min(_COLUMNS, len(audio)))
    times = (np.arange(len(parts)) + 0.5) * duration / len(parts)
    axes.fill_between(times, [part.min() for part in parts], [part.max() for part in parts], color="#9fb0bf", linewidth=0)


def draw_face(axes: Axes, names: Axes, explanation: Explanation, palette: Palette) -> None:
    """The sharpest crop with the heat map over it, and at its right (`names`) what each named region did."""
    crops = explanation.conclusion.evidence.crops
    title(axes, "face")
    axes.set_anchor("NW")
    if explanation.heat is None or crops is None:
        reason = explanation.conclusion.evidence.reasons.get("face", "no face")
        axes.text(0, 0.9, f"no face: {reason}", fontsize=11, color=FAINT, style="italic", transform=axes.transAxes)
        return
    sharpest = crops[int(np.argmax([laplace(crop.astype(np.float32)).var() for crop in crops]))]
    heat = heat_map(explanation.heat)
    # The scale is the map's own: regions overlap in it, so that its numbers are not those of the parts.
    reach = max(float(np.abs(heat).max()), 0.02)
    axes.imshow(sharpest, cmap="gray", interpolation="bicubic", extent=(0, FACE_SIZE, FACE_SIZE, 0))
    tint = Palette(reach).mappable.to_rgba(heat)
    tint[..., 3] = 0.75 * np.clip(np.abs(heat) / reach, 0, 1) ** 0.7
    axes.imshow(tint, interpolation="bicubic", extent=(0, FACE_SIZE, FACE_SIZE, 0))
    regions = [found for found in explanation.parts if found.part.kind == "region"]
    names.set(xlim=(0, 1), ylim=(len(regions), 0))
    for row, found in enumerate(regions):
        ground = palette.ground(found.contribution)
        box = FancyBboxPatch((0.02, row + 0.22), 0.36, 0.56, boxstyle="round,pad=0,rounding_size=0.05", mutation_aspect=3)
        box.set(facecolor=ground, edgecolor="none")
        names.add_patch(box)
        names.text(0.2, row + 0.5, signed(found.contribution), fontsize=8.5, color=ink_on(ground), va="center", ha="center")
        names.text(0.45, row + 0.5, found.part.name, fontsize=10, color=INK, va="center")


def draw_streams(axes: Axes, explanation: Explanation) -> None:
    """What each stream and the dialogue before did, and the weight of each stream in the fusion."""
    title(axes, "streams and dialogue", "fusion weight")
    light(axes)
    axes.spines["bottom"].set_visible(False)
    losses = [explanation.streams.get(stream) for stream in STREAMS] + [explanation.context.both]
    largest = max(1.0, *(abs(loss.contribution) for loss in losses if loss is not None))
    reach, right = 1.5 * largest, 2.25 * largest
    axes.set(xlim=(-reach, right), ylim=(len(losses) - 0.4, -0.6), yticks=range(len(losses)), xticks=[])
    axes.set_yticklabels([*STREAMS, "dialogue before"], fontsize=10, color=INK)
    axes.axvline(0, color=LINE, linewidth=1.2)
    for row, loss in enumerate(losses):
        if loss is None:
            reason = explanation.conclusion.evidence.reasons.get(STREAMS[row], "")
            axes.text(0.04 * reach, row, reason, fontsize=9, color=FAINT, style="italic", va="center")
        else:
            value = loss.contribution
            axes.barh(row, value, 0.52, color=side(value))
            where, beside = value + np.copysign(0.03 * reach, value), "left" if value >= 0 else "right"
            axes.text(where, row, signed(value), fontsize=9, color=INK, va="center", ha=beside)
    for row, stream in enumerate(STREAMS):
        weight = f"{100 * explanation.weights[stream]:.0f} %"
        axes.text(right, row, weight, fontsize=9, color=FAINT, va="center", ha="right")


def draw_deletion(axes: Axes, explanation: Explanation) -> None:
    """The label's probability as parts are taken away: the top ones, and random ones with their middle 80 %."""
    deletion = explanation.deletion
    title(axes, "check by deletion", "points")
    light(axes)
    if deletion is None:
        axes.set(xticks=[], yticks=[])
        axes.text(0, 0.9, "no part speaks for the label", fontsize=11, color=FAINT, style="italic", transform=axes.transAxes)
        return
    counts = np.arange(len(deletion.top) + 1)
    top, random = (np.concatenate([[deletion.whole], left]) for left in (deletion.top, deletion.random.mean(0)))
    low, high = (np.concatenate([[deletion.whole], np.quantile(deletion.random, share, axis=0)]) for share in (0.1, 0.9))
    axes.fill_between(counts, low, high, color="#e6ebef", linewidth=0)
    axes.plot(counts, random, color=FAINT, linewidth=1.8)
    axes.plot(counts, top, color=FOR, linewidth=2.4, marker="o", markersize=4)
    axes.set(ylim=(0, 1.3), xlim=(0, counts[-1] + 0.15), yticks=[0, 0.5, 1])
    axes.set_xticks(counts)
    axes.set_yticklabels(["0", "½", "1"])
    axes.grid(axis="y", color=LINE, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.set_xlabel("parts left out", fontsize=8.5, color=FAINT)
    axes.set_ylabel(f"probability of {explanation.label}", fontsize=8.5, color=FAINT, y=0.38)
    for left, name, drop, ink in ((0.0, "top", deletion.drop, FOR), (0.5, "random", deletion.random_drop, FAINT)):
        text = f"{name} {signed(-100 * drop, 1)}"
        axes.text(left, 0.96, text, fontsize=10, color=ink, fontweight="bold", va="top", transform=axes.transAxes)
