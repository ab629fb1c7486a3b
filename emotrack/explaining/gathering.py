"""Where the utterances to be explained come from: a file, tracked now with its evidence in memory, or a recording that kept it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from emotrack.engines.encoders import Encoders, open_encoders
from emotrack.engines.pool import EnginePool
from emotrack.explaining.keeping import evidence_of, unpacked
from emotrack.model.bundle import Bundle, load_bundle
from emotrack.model.errors import UserError
from emotrack.settings import Settings
from emotrack.stream.messages import Feed
from emotrack.stream.observing import Conclusion
from emotrack.stream.sources.ending import END_OF_FILE
from emotrack.stream.sources.open import open_source
from emotrack.stream.wire.outbox import Outgoing
from emotrack.tracker import Tracker


@dataclass(frozen=True, slots=True)
class Gathered:
    """Final labels with their evidence, in the order of their utterances, and what they are to be explained with."""

    conclusions: Iterable[Conclusion]
    bundle: Bundle
    encoders: Encoders


def gather(source: str, settings: Settings, utterance: int | None, say: Callable[[str], None]) -> Gathered:
    """What is to be explained of `source`: every final label, or the one asked for.

    Raises `UserError` where there is no such utterance, none at all, or no evidence.
    """
    recorded = Path(source).is_dir() or source.endswith(".jsonl")
    return (_from_recording if recorded else _from_file)(source, settings, utterance, say)


def _from_recording(source: str, settings: Settings, utterance: int | None, say: Callable[[str], None]) -> Gathered:
    recording = Path(source)
    if not recording.exists():
        raise UserError(f"There is no recording {recording}.")
    kept = evidence_of(recording)
    conclusions = (unpacked(kept[number]) for number in _chosen(sorted(kept), utterance, str(recording)))
    bundle = load_bundle(settings.bundle)
    return Gathered(conclusions, bundle, open_encoders(EnginePool(settings.engines, say), settings.engines, bundle, say))


def _from_file(source: str, settings: Settings, utterance: int | None, say: Callable[[str], None]) -> Gathered:
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
    tracker = Tracker([opened], settings, realtime=False, observe=observe, sinks=[Troubles(say)], say=say)
    tracker.run()
    conclusions = [found[number] for number in _chosen(sorted(found), utterance, source)]
    return Gathered(conclusions, tracker.bundle, tracker.encoders)


class Troubles:
    """A sink that says why a medium ended where it should not: the labels of a file that is cut off are not those of the whole."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._begun: set[str | None] = {None}

    def write(self, outgoing: Outgoing) -> None:
        """Say one message, if it is of that kind."""
        message = outgoing.message
        if not isinstance(message, Feed):
            return
        if message.state == "up":
            self._begun.add(message.medium)
        elif message.state == "down" and message.medium in self._begun and message.reason != END_OF_FILE:
            self._say(f"{message.medium or 'all'} of it ends early: {message.reason}.")

    def close(self) -> None:
        """Nothing is open."""


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
