"""Where the utterances to be explained come from: a file, tracked now with its evidence in memory, or a recording that kept it."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from emotrack.explaining.keeping import evidence_of, unpacked
from emotrack.model.errors import UserError
from emotrack.settings import Settings
from emotrack.stream.observing import Conclusion
from emotrack.stream.sources.open import open_source
from emotrack.tracker import Tracker


def gather(source: str, settings: Settings, utterance: int | None, say: Callable[[str], None]) -> Iterator[Conclusion]:
    """The final labels of `source` with their evidence, all of them or the one asked for, in the order of their utterances.

    Raises `UserError` where there is no such utterance, none at all, or no evidence.
    """
    recorded = Path(source).is_dir() or source.endswith(".jsonl")
    return _from_recording(Path(source), utterance) if recorded else iter(_from_file(source, settings, utterance, say))


def _from_recording(recording: Path, utterance: int | None) -> Iterator[Conclusion]:
    if not recording.exists():
        raise UserError(f"There is no recording {recording}.")
    kept = evidence_of(recording)
    return (unpacked(kept[number]) for number in _chosen(sorted(kept), utterance, str(recording)))


def _from_file(source: str, settings: Settings, utterance: int | None, say: Callable[[str], None]) -> list[Conclusion]:
    """The file tracked as fast as possible, as `emotrack run --fast` does it; no further than the utterance asked for."""
    opened = open_source(source, settings=settings.stream.sources)
    if opened.live:
        raise UserError(f"{source} is live: `emotrack run {source} --record DIR --keep-evidence`, then explain DIR.")
    found: dict[int, Conclusion] = {}

    def observe(conclusion: Conclusion) -> None:
        found[conclusion.utterance] = conclusion
        if conclusion.utterance == utterance:
            tracker.stop()

    say(f"tracking {source} …")
    tracker = Tracker([opened], settings, realtime=False, observe=observe, say=say)
    tracker.run()
    return [found[number] for number in _chosen(sorted(found), utterance, source)]


def _chosen(numbers: Sequence[int], utterance: int | None, where: str) -> Sequence[int]:
    if not numbers:
        raise UserError(f"There is no utterance in {where}: nobody was heard speaking in it.")
    if utterance is None:
        return numbers
    if utterance not in numbers:
        raise UserError(f"There is no utterance {utterance} in {where}; there are {_ranges(numbers)}.")
    return [utterance]


def _ranges(numbers: Sequence[int]) -> str:
    """`1–4, 6` for 1, 2, 3, 4, 6."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}–{run[-1]}" for run in runs)
