"""The whole path on the demonstration clip: what its script says happened is what the labels say, however the
media come."""

import re
import threading
from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from emotrack.demo import clip_path
from emotrack.demo.picture import picture
from emotrack.demo.render import CAMERA_COVERED, LINES, MICROPHONE_MUTED, MUTED_LABEL
from emotrack.engines.encoders.sound.segments import SegmentRule
from emotrack.engines.networks.passages import DialogueLine
from emotrack.modalities import Modality
from emotrack.model.batch import collate
from emotrack.model.network import pad_dialogues
from emotrack.settings import load_settings
from emotrack.stream.hearing.audio import AudioBlock, BlockCutter
from emotrack.stream.labels.record import affect
from emotrack.stream.sources.media import AUDIO_RATE, AudioChunk, MediaItem, MediumChange, VideoFrame
from emotrack.stream.sources.open import open_source
from emotrack.stream.sources.timing.clock import SessionClock
from emotrack.stream.transcription.whisper.stream import PASS_SECONDS
from emotrack.stream.wire.protocol.messages import Emotion, Feed, Heartbeat, Message, Session
from helpers.media.clips import RechunkedSource
from helpers.media.words import word_errors, words_of
from helpers.pages import ROOT
from helpers.sessions.tracking import Workbench, emotions, without_timing

pytestmark = pytest.mark.xdist_group("whole path")  # one worker tracks the clip once for all of them


@pytest.fixture(scope="module")
def messages(workbench: Workbench) -> list[Message]:
    return workbench.track([str(clip_path())])


def final_of(line_start: float, messages: list[Message]) -> Emotion:
    """The final label of the utterance that holds the middle of a line's first second."""
    moment = line_start + 1.0
    return next(final for final in emotions(messages, "final") if final.start <= moment <= final.end)


def overlaps(message: Emotion, span: tuple[float, float]) -> bool:
    return message.start < span[1] and message.end > span[0]


def test_every_line_of_the_clip_is_one_utterance(messages: list[Message]) -> None:
    spoken = [final_of(line.start, messages) for line in LINES]
    assert len({final.utterance for final in spoken}) == len(LINES) >= 4
    for line, final in zip(LINES, spoken, strict=True):
        assert abs(final.start - line.start) < 0.5
        assert (
            final.transcript is not None
            and final.transcript.asr == "whisper-tiny.en"
            and final.transcript.text
        )
        assert final.modalities["text"].present and final.modalities["audio"].present
    heard = [final.transcript.text for final in spoken if final.transcript is not None]
    assert word_errors(list(zip((line.words for line in LINES), heard, strict=True))) <= 0.15


def test_partials_carry_the_words_that_are_sure_and_the_finals_keep_most_of_them(
    messages: list[Message],
) -> None:
    finals = {final.utterance: final for final in emotions(messages, "final")}
    told = [partial for partial in emotions(messages, "partial") if partial.transcript is not None]
    needed = (
        2 * PASS_SECONDS + load_settings().stream.labels.partial_interval
    )  # two passes have to agree, and a partial to follow
    long = {
        number
        for number, final in finals.items()
        if final.transcript is not None and final.end - final.start > needed
    }
    assert {partial.utterance for partial in told} >= long != set()
    for partial in told:
        final = finals[partial.utterance].transcript
        assert partial.transcript is not None and final is not None and partial.modalities["text"].present
        heard = words_of(partial.transcript.text)
        assert word_errors([(" ".join(words_of(final.text)[: len(heard)]), partial.transcript.text)]) < 0.5


def test_every_line_of_the_clip_is_labelled_as_anybody_hears_it(messages: list[Message]) -> None:
    finals = [final_of(line.start, messages) for line in LINES]
    assert [final.label for final in finals] == [line.label for line in LINES]
    assert {line.label for line in LINES} >= {"neutral", "joy", "sadness", "anger", "surprise"}
    whole = [
        final for final in finals if all(final.modalities[name].present for name in ("text", "audio", "face"))
    ]
    assert len(whole) >= 4


def test_the_picture_in_the_docs_is_what_the_monitor_shows_of_the_clip(messages: list[Message]) -> None:
    """But for figures and the bars drawn of them, which hang on the machine."""
    kept = (ROOT / "docs/pictures/monitor.svg").read_text("utf-8")
    bars, figures = r"[▁-█▉-▏]+(&#160;)*", r"\d+|&#160;"
    drawn, shown = (
        re.findall(r">([^<>]+)</text>", re.sub(bars, "", one)) for one in (picture(messages), kept)
    )
    assert [re.sub(figures, "", text) for text in drawn] == [re.sub(figures, "", text) for text in shown]


def test_the_covered_camera_masks_the_face_and_is_reported(messages: list[Message]) -> None:
    for line in LINES:
        final = final_of(line.start, messages)
        inside = CAMERA_COVERED[0] <= final.start and final.end <= CAMERA_COVERED[1]
        assert final.modalities["face"].present is not inside
        if inside:
            assert final.modalities["face"].reason == "camera covered"
            assert final.speaker.face is None
    dark = [m for m in messages if isinstance(m, Feed) and m.medium == "video" and m.state == "degraded"]
    assert any(abs(m.time - CAMERA_COVERED[0]) < 0.5 for m in dark)


def test_the_muted_stretch_is_labelled_from_the_face_alone(messages: list[Message]) -> None:
    muted = [m for m in messages if isinstance(m, Feed) and m.medium == "audio" and m.state == "degraded"]
    assert any(MICROPHONE_MUTED[0] < m.time < MICROPHONE_MUTED[1] for m in muted)
    windows = [final for final in emotions(messages, "final") if overlaps(final, MICROPHONE_MUTED)]
    assert windows
    for final in windows:
        assert final.modalities["face"].present
        assert final.modalities["audio"].reason == final.modalities["text"].reason == "muted"
        assert final.transcript is None
        assert final.label == MUTED_LABEL


def test_what_is_usual_for_a_speaker_is_told_as_it_becomes_known(messages: list[Message]) -> None:
    known: Counter[tuple[str, str]] = Counter()
    for final in emotions(messages, "final"):
        for name in ("audio", "face"):
            assert final.modalities[name].usual == known[final.speaker.id, name]
            known[final.speaker.id, name] += final.modalities[name].present
        assert final.modalities["text"].usual == final.modalities["body"].usual == 0
    assert known and max(known.values()) > 1


def test_the_face_whose_mouth_moves_is_the_speakers(messages: list[Message]) -> None:
    faces: dict[int, set[int]] = {speaker: set() for speaker in (0, 1)}
    for line in LINES:
        face = final_of(line.start, messages).speaker.face
        if face is not None:
            faces[line.speaker].add(face)
    assert faces[0] and faces[1] and not faces[0] & faces[1]


def test_every_label_is_well_formed(messages: list[Message]) -> None:
    labels = [message for message in messages if isinstance(message, Emotion)]
    assert {message.state for message in labels} >= {"partial", "final"}
    for message in labels:
        assert message.start < message.end
        assert sum(message.scores.values()) == pytest.approx(1, abs=1e-3)
        assert message.scores[message.label] == max(message.scores.values()) == message.confidence
        assert sum(m.weight for m in message.modalities.values()) == pytest.approx(1, abs=1e-3)
        for modality in message.modalities.values():
            assert modality.present is (modality.reason is None)
            assert modality.weight == 0 or modality.present or modality.imputed
        assert message.modalities["body"].reason == "untrained"
        assert (message.valence, message.arousal) == affect(message.scores)


def test_revisions_count_up_and_finals_come_once(messages: list[Message]) -> None:
    by_utterance: dict[int, list[Emotion]] = {}
    for message in messages:
        if isinstance(message, Emotion):
            by_utterance.setdefault(message.utterance, []).append(message)
    for history in by_utterance.values():
        assert [message.revision for message in history] == list(range(len(history)))
        states = "".join(message.state[0] for message in history)
        assert states.lstrip("p").rstrip("r") == "f"
    ends = [message.end for message in emotions(messages, "final")]
    assert ends == sorted(ends)


def test_session_frames_everything(messages: list[Message]) -> None:
    assert isinstance(messages[0], Session) and messages[0].state == "started"
    assert isinstance(messages[-1], Session) and messages[-1].state == "ended"
    assert {engine.part for engine in messages[0].engines} == {
        "text",
        "audio",
        "face",
        "body",
        "network",
        "transcription",
    }
    beats = [message.time for message in messages if isinstance(message, Heartbeat)]
    assert len(beats) >= 28 and np.diff(beats).max() < 1.2


def test_the_same_clip_twice_gives_the_same_events(workbench: Workbench, messages: list[Message]) -> None:
    assert without_timing(workbench.track([str(clip_path())])) == without_timing(messages)


def test_streaming_equals_the_whole_file_at_once(workbench: Workbench) -> None:
    """Offline: the whole soundtrack in one piece, cut by the finals' times, and the dialogue in one call of
    the network."""
    finals = emotions(workbench.track([str(clip_path())], "stream.modalities=[text,audio]"), "final")
    samples, encoders, network = whole_audio_16k(), workbench.encoders, workbench.bundle.network
    assert encoders.audio is not None and encoders.text is not None
    rule = SegmentRule.of(encoders.audio)
    words = encoders.text.encode_dialogue(
        [DialogueLine(0, final.transcript.text) for final in finals if final.transcript is not None]
    )
    tokens: list[dict[Modality, np.ndarray | None]] = []
    for final, text in zip(finals, words, strict=True):
        first, last = (round(moment * 16_000) for moment in (final.start, final.end))
        tokens.append({"audio": encoders.audio.encode(rule.all(samples[first:last])), "text": text})
    with torch.inference_mode():
        fusion = network.fuse(collate(tokens, workbench.bundle.configuration.widths))
        padded, valid = pad_dialogues(fusion.said, [len(finals)])
        speakers = torch.zeros(1, len(finals), dtype=torch.long)
        offline = network.probabilities(
            network.forward_dialogues(padded, speakers, valid).live[0], fusion.modes
        ).numpy()
    live = np.array([list(final.scores.values()) for final in finals])
    assert live.shape == offline.shape and len(finals) >= 4
    assert (
        np.abs(live - offline).max() < 2e-3
    )  # four digits in the messages, and their times in whole milliseconds


def test_a_users_mask_reaches_every_label(workbench: Workbench) -> None:
    finals = emotions(workbench.track([str(clip_path())], "stream.modalities=[audio]"), "final")
    assert finals
    for final in finals:
        assert not final.modalities["text"].present and final.modalities["text"].reason == "user"
        assert final.modalities["face"].reason == "user" and final.transcript is None


class FirstSeconds:
    """The clip's first seconds as a source that re-splits its audio at random, with pictures or without."""

    def __init__(self, seed: int, seconds: float, *, pictures: bool) -> None:
        self._inner = RechunkedSource(open_source(str(clip_path()), name="clip"), seed)
        self._seconds = seconds
        self._pictures = pictures
        self.name, self.description, self.live = "clip", "clip", False

    def items(self, clock: SessionClock, stop: threading.Event) -> Iterator[MediaItem]:
        for item in self._inner.items(clock, stop):
            match item:
                case AudioChunk():
                    if item.start < self._seconds:
                        keep = round((self._seconds - item.start) * AUDIO_RATE)
                        yield AudioChunk(item.start, item.samples[:keep])
                case VideoFrame():
                    if self._pictures and item.time < self._seconds:
                        yield item
                case MediumChange():
                    yield item


@pytest.mark.parametrize(
    ("chunkings", "pictures"), [(20, False), (4, True)], ids=["sound alone", "with pictures"]
)
def test_any_chunking_gives_one_set_of_labels(workbench: Workbench, chunkings: int, pictures: bool) -> None:
    def labels(seed: int) -> list[dict[str, object]]:
        return without_timing(
            emotions(workbench.track([FirstSeconds(seed, 3.5, pictures=pictures)]), "final")
        )

    runs = [labels(seed) for seed in range(chunkings)]
    assert runs[0]
    assert all(run == runs[0] for run in runs)


def whole_audio_16k() -> np.ndarray:
    """The soundtrack as the feeds hear it."""
    cutter = BlockCutter()
    source = open_source(str(clip_path()), name="clip")
    blocks: list[AudioBlock] = []
    for item in source.items(SessionClock(), threading.Event()):
        if isinstance(item, AudioChunk):
            blocks += [part for part in cutter.push(item) if isinstance(part, AudioBlock)]
    return np.concatenate([block.samples_16k for block in blocks])
