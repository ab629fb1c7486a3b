"""What is stored of clips is what the live path would make of them; clips that cannot be used are named."""

import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emotrack.demo import clip_path
from emotrack.engines.encoders.body.bodies import DescribedBody
from emotrack.engines.encoders.face.expression import crop_face
from emotrack.engines.networks.passages import DialogueLine
from emotrack.engines.open import Encoders
from emotrack.engines.settings import EngineSettings
from emotrack.errors import UserError
from emotrack.model.bundle import default_directory, load_manifest
from emotrack.stream.hearing.audio import AudioBlock, BlockCutter
from emotrack.stream.hearing.description import AudioDescription
from emotrack.stream.seeing.faces import FaceTracker
from emotrack.stream.seeing.vision import FaceFinder
from emotrack.stream.settings import VisionSettings
from emotrack.stream.sources.media import AudioChunk, MediaItem, VideoFrame
from emotrack.stream.sources.open import open_source
from emotrack.stream.sources.timing.clock import RateGrid, SessionClock
from emotrack.stream.utterances.appearance import speaking_face
from emotrack.training.corpora.ravdess import read_samples
from emotrack.training.corpora.records import Corpus, CorpusRow, CorpusUtterance, Picture
from emotrack.training.features.describe import CorpusDescriber
from emotrack.training.features.extract import OpenedEncoders, open_for
from emotrack.training.features.sight import Eyes, watch
from emotrack.training.features.sound import RULE, hear_acted, trim
from emotrack.training.features.store import DescribedRow, Tokens
from helpers.learning.corpora import tone, write_wav
from helpers.media.clips import AudioSpec, VideoSpec, cut_off, write_clip

VISION = VisionSettings()


class Silhouettes:
    """Sees one body that fills the picture, and describes it by the faces in it."""

    dim = 2

    def describe(
        self,
        image: np.ndarray,
        faces: Sequence[np.ndarray],
        earlier: Sequence[DescribedBody],
        seconds: float,
    ) -> list[DescribedBody]:
        box = np.array([0, 0, image.shape[1], image.shape[0]], np.float32)
        described = np.array([len(faces), image.shape[1]], np.float32)
        return [DescribedBody(box, 1.0, described, np.zeros((48, 24), np.float32))]


def assert_close(found: np.ndarray, expected: np.ndarray, tolerance: float = 2e-4) -> None:
    """The same up to what batches of other sizes make of a sum."""
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance)


@pytest.fixture(scope="module")
def opened() -> OpenedEncoders:
    """The shipped encoders of text, audio and face."""
    return open_for(
        ("text", "audio", "face"), EngineSettings(), load_manifest(default_directory())[1], lambda _: None
    )


@pytest.fixture(scope="module")
def items() -> Sequence[MediaItem]:
    """The first seconds of the demonstration clip, as the tracker is given them."""
    taken = []
    for item in open_source(str(clip_path())).items(SessionClock(), threading.Event()):
        if isinstance(item, AudioChunk | VideoFrame):
            if (item.start if isinstance(item, AudioChunk) else item.time) > 4:
                break
            taken.append(item)
    return taken


def faces_by_hand(frames: Sequence[VideoFrame], encoders: Encoders) -> np.ndarray:
    """The speaker's faces, frame by frame, with the parts of the live path."""
    assert encoders.face_detector is not None and encoders.face is not None
    finder, tracker, grid = FaceFinder(encoders.face_detector, 10), FaceTracker(), RateGrid()
    observations, descriptors = [], []
    for frame in frames:
        if grid.takes(frame.time, VISION.face_rate) and frame.image[::4, ::4].std() >= 2:
            for one in tracker.update(frame.time, frame.image, finder.find(frame.time, frame.image)):
                observations.append(one)
                descriptors.append(encoders.face.encode(np.stack([crop_face(frame.image, one.landmarks)]))[0])
    speaker = speaking_face(observations)
    assert speaker is not None
    return np.stack(
        [value for one, value in zip(observations, descriptors, strict=True) if one.track == speaker.track]
    )


def describe(corpus: Corpus, encoders: Encoders) -> list[DescribedRow]:
    return CorpusDescriber(corpus, Eyes(encoders, VISION), lambda rows: None)(range(len(corpus.utterances)))


def clip(path: Path, **known: Any) -> CorpusUtterance:
    return CorpusUtterance(
        CorpusRow(path.stem, path.stem, 0, "train", "Ross", **known), sound=path, picture=Picture(path)
    )


def corpus_of(*utterances: CorpusUtterance, acted: bool = False) -> Corpus:
    return Corpus("meld", ("neutral",), ("text", "audio", "face"), utterances, acted=acted)


def test_turns_are_seen_as_the_live_path_sees_them(
    opened: OpenedEncoders, items: Sequence[MediaItem]
) -> None:
    pictures = {
        4: Picture(clip_path(), 0.5, 2.5, "left"),
        9: Picture(clip_path(), 1.2, 3.0, "right"),
        2: Picture(clip_path(), 0.0, 1.0),
    }
    seen = watch(clip_path(), pictures, Eyes(opened.encoders, VISION))
    for number, picture in pictures.items():
        assert picture.end is not None
        frames = [
            item
            for item in items
            if isinstance(item, VideoFrame) and picture.start <= item.time < picture.end
        ]
        middle = frames[0].image.shape[1] // 2
        part = {None: slice(None), "left": slice(middle), "right": slice(middle, None)}[picture.half]
        halves = [VideoFrame(frame.time, np.ascontiguousarray(frame.image[:, part])) for frame in frames]
        found = seen[number]
        assert isinstance(found, dict) and found.keys() == {"face"}
        assert_close(found["face"], faces_by_hand(halves, opened.encoders))


def test_a_body_is_taken_once_a_second(opened: OpenedEncoders) -> None:
    encoders = replace(opened.encoders, face=None, body=Silhouettes())  # type: ignore[arg-type]  # stands in
    found = watch(clip_path(), {0: Picture(clip_path(), 0.0, 1.9, "left")}, Eyes(encoders, VISION))[0]
    assert isinstance(found, dict) and found.keys() == {"body"}
    assert found["body"].tolist() == [[1, 320], [1, 320]]


def test_a_turn_after_the_end_of_its_video_is_named(opened: OpenedEncoders, tmp_path: Path) -> None:
    path = write_clip(tmp_path / "short.mp4", video=VideoSpec(), duration=0.5)
    seen = watch(
        path, {0: Picture(path, 0.0, 0.3), 1: Picture(path, 7.0, 8.0)}, Eyes(opened.encoders, VISION)
    )
    assert seen[0] == {}, "nobody is in the picture, which is no fault"
    assert str(seen[1]) == "its video ends before it begins"


def test_sound_is_heard_as_the_live_path_hears_it(opened: OpenedEncoders, tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.mp4", audio=AudioSpec(), duration=2.9, onset=0.3)
    encoders = replace(opened.encoders, text=None, face=None, face_detector=None)
    (described,) = describe(corpus_of(clip(path)), encoders)
    assert encoders.audio is not None
    cutter, live = BlockCutter(), AudioDescription(encoders.audio)
    chunks = [
        item
        for item in open_source(str(path)).items(SessionClock(), threading.Event())
        if isinstance(item, AudioChunk)
    ]
    for block in [block for chunk in chunks for block in cutter.push(chunk)] + list(cutter.flush()):
        assert isinstance(block, AudioBlock)
        live.extend(block)
    assert len(live.finished()) == 2
    assert_close(described.tokens["audio"], live.finished())
    assert not described.skipped


def test_a_dialogue_is_read_as_the_live_path_reads_it(opened: OpenedEncoders) -> None:
    said = [
        ("Ross", "Hello there!"),
        ("Monica", "Oh no, not you again."),
        ("Ross", ""),
        ("Ross", "I am so sorry."),
    ]
    rows = [
        CorpusRow(f"{place}", "0", place, "train", speaker, text)
        for place, (speaker, text) in enumerate(said)
    ]
    other = CorpusRow("other", "0", 0, "test", "Monica", "Hello there!")
    text = opened.encoders.text
    assert text is not None
    corpus = corpus_of(*(CorpusUtterance(row) for row in (*rows, other)))
    # Two shards cut the dialogue in two.
    describer = CorpusDescriber(
        corpus,
        Eyes(replace(opened.encoders, audio=None, face=None, face_detector=None), VISION),
        lambda rows: None,
    )
    described = [*describer(range(2)), *describer(range(2, 5))]
    lines = [DialogueLine({"Ross": 0, "Monica": 1}[speaker], words) for speaker, words in said]
    for place, line in enumerate(lines):
        expected = text.encode(line.text, line.speaker, lines[:place])
        found = described[place].tokens.get("text", np.zeros((0, text.dim)))
        assert_close(found, expected, 2e-3)
    assert "text" not in described[2].tokens
    assert_close(described[4].tokens["text"], text.encode("Hello there!"), 2e-3)


def test_acted_clips_are_trimmed_and_copies_disturbed(opened: OpenedEncoders, tmp_path: Path) -> None:
    quiet = np.zeros(16_000, np.float32)
    path = tmp_path / "03-01-05-01-01-01-15.wav"
    write_wav(path, np.concatenate([quiet, tone(4, 1.2), quiet]))
    one = CorpusUtterance(CorpusRow(path.stem, path.stem, 0, "fusion", "actor 15"), sound=path)
    encoders = replace(opened.encoders, text=None, face=None, face_detector=None)
    clean, first, second = describe(corpus_of(one, one.copy(1), one.copy(2), acted=True), encoders)
    assert encoders.audio is not None
    expected = encoders.audio.encode(RULE.all(trim(read_samples(path))))
    assert_close(clean.tokens["audio"], expected)
    assert not np.allclose(first.tokens["audio"][0], clean.tokens["audio"][0], atol=1e-2)
    assert not np.allclose(first.tokens["audio"][0], second.tokens["audio"][0], atol=1e-2)
    (again,) = describe(corpus_of(one.copy(2), acted=True), encoders)
    assert_close(again.tokens["audio"], second.tokens["audio"])
    assert len(hear_acted(one, 32_000)) == 2 * len(hear_acted(one, 16_000)), "for encoders at PaSST's rate"


def test_images_are_described_and_their_copies_mirrored(opened: OpenedEncoders) -> None:
    image = np.random.default_rng(0).integers(0, 255, (48, 48), np.uint8)
    one = CorpusUtterance(CorpusRow("0", "0", 0, "fusion", "0"), image=image)
    plain, mirrored = describe(corpus_of(one, one.copy(1)), replace(opened.encoders, text=None, audio=None))
    assert opened.encoders.face is not None
    expected = opened.encoders.face.encode(np.stack([image, image[:, ::-1]]))
    assert_close(plain.tokens["face"], expected[:1])
    assert_close(mirrored.tokens["face"], expected[1:])


def test_clips_that_cannot_be_used_are_named_and_keep_their_words(
    opened: OpenedEncoders, tmp_path: Path
) -> None:
    whole = write_clip(tmp_path / "whole.mp4", video=VideoSpec(), audio=AudioSpec(), duration=3.0, onset=0.2)
    names = ("fine", "broken", "cut", "mute", "blind", "endless")
    paths = {name: tmp_path / f"{name}.mp4" for name in names}
    paths["fine"].write_bytes(whole.read_bytes())
    paths["broken"].write_text("this is no clip")
    write_clip(
        paths["cut"],
        video=VideoSpec(),
        audio=AudioSpec(),
        duration=3.0,
        onset=0.2,
        options={"movflags": "faststart"},
    )
    cut_off(paths["cut"], 0.4)
    write_clip(paths["mute"], video=VideoSpec(), duration=0.5)
    write_clip(paths["blind"], audio=AudioSpec(), duration=0.5, onset=0.1)
    small = VideoSpec(rate=1, width=32, height=32)
    write_clip(
        paths["endless"], video=small, audio=AudioSpec(rate=8_000, layout="mono"), duration=70, onset=0.2
    )
    described = dict(
        zip(
            paths,
            describe(corpus_of(*(clip(path, text="Words.") for path in paths.values())), opened.encoders),
            strict=True,
        )
    )
    assert all("text" in one.tokens for one in described.values())
    assert {name for name, one in described.items() if "audio" in one.tokens} == {"fine", "blind"}
    reasons = {name: [note.reason for note in one.skipped] for name, one in described.items()}
    assert reasons["fine"] == []
    assert len(reasons["broken"]) == 1 and "cannot be read as audio or video" in reasons["broken"][0]
    assert reasons["cut"] and all("cut off" in reason for reason in reasons["cut"])
    assert reasons["mute"] == ["it has no audio"]
    assert reasons["blind"] == ["it has no video"]
    assert reasons["endless"] == ["it is longer than 60 s, which no utterance is"]
    assert described["broken"].skipped[0].name == "broken"


def test_an_acted_clip_with_nothing_to_hear_is_named(opened: OpenedEncoders, tmp_path: Path) -> None:
    write_wav(tmp_path / "silent.wav", np.zeros(16_000, np.float32))
    (tmp_path / "broken.wav").write_text("RIFF")
    clips = [
        CorpusUtterance(CorpusRow(path.stem, path.stem, 0, "train", "actor 1"), sound=path)
        for path in sorted(tmp_path.glob("*.wav"))
    ]
    broken, silent = describe(
        corpus_of(*clips, acted=True), replace(opened.encoders, text=None, face=None, face_detector=None)
    )
    assert (
        "cannot be decoded" in broken.skipped[0].reason
        and silent.skipped[0].reason == "there is nothing to be heard in it"
    )
    assert broken.tokens == silent.tokens == {}


def test_numbers_that_are_none_mask_their_stream() -> None:
    given: Tokens = {"audio": np.array([[1.0, np.inf]], np.float32), "face": np.array([[1.0]], np.float32)}
    one = CorpusUtterance(CorpusRow("one", "0", 0, "train", "Ross"), given=given)
    nothing = Encoders(None, None, None, None, None, unusable={}, report=())
    (described,) = describe(corpus_of(one), nothing)
    assert described.tokens.keys() == {"face"}
    assert [(note.name, note.reason) for note in described.skipped] == [
        ("one", "its audio gives numbers that are not finite")
    ]


def test_an_encoder_that_cannot_be_had_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="The bundle has no voice network"):
        open_for(["audio"], EngineSettings(), {}, print)
    with pytest.raises(UserError, match="There are no PaSST weights at"):
        open_for(["audio"], EngineSettings(audio="passt", passt_weights=str(tmp_path / "none.pt")), {}, print)
    with pytest.raises(UserError, match="switches every encoder off that could describe face"):
        open_for(["face"], EngineSettings(face="none"), {}, print)
