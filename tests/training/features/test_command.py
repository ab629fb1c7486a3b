"""`emotrack features` as users meet it: miniature corpora end to end, killed and gone on with, and what it
refuses."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

from emotrack.model.configuration import MELD_CLASSES
from emotrack.training.features.store import open_store
from helpers.learning.corpora import (
    Turn,
    meld_row,
    mosi_arrays,
    write_dialogues,
    write_faces,
    write_iemocap,
    write_iemocap_dialogue,
    write_meld,
    write_mosi,
    write_ravdess,
)
from helpers.media.clips import AudioSpec, VideoSpec, write_clip
from helpers.sessions.commands import Outcome, emotrack, start

TABLE = [
    ("MELD", split, "0", "Ross", "Hello there!", emotion)
    for split in ("train", "test")
    for emotion in MELD_CLASSES
]


@pytest.fixture(scope="module")
def acted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty clips of five actors."""
    folder = tmp_path_factory.mktemp("ravdess")
    write_ravdess(folder, range(1, 6))
    return folder


@pytest.fixture
def features(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> "Command":
    return Command(capfd, monkeypatch)


class Command:
    """The command in this process."""

    def __init__(self, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self._fixtures = capfd, monkeypatch

    def __call__(self, corpus: str, root: Path, out: Path, *options: str) -> Outcome:
        return emotrack(*self._fixtures, "features", corpus, str(root), "--out", str(out), *options)


def shards(store: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(store.glob("*.safetensors"))}


def interrupted(
    number: signal.Signals, root: Path, out: Path, more: int
) -> "subprocess.CompletedProcess[str]":
    """Run the command in a process of its own and send it a signal once it has written `more` shards."""
    before = len(shards(out))
    process = start("features", "ravdess", str(root), "--out", str(out), "--shard", "1")
    os.setpriority(os.PRIO_PROCESS, process.pid, 19)  # who watches it is not kept waiting on a busy machine
    try:
        while len(list(out.glob("*.safetensors"))) < before + more:
            assert process.poll() is None, process.communicate()
            time.sleep(0.002)
        process.send_signal(number)
        written, said = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    return subprocess.CompletedProcess([], process.returncode, written, said)


@pytest.mark.xdist_group("processes")
def test_killed_twice_and_gone_on_with(tmp_path: Path, features: Command) -> None:
    acted, out = tmp_path / "ravdess", tmp_path / "store"
    write_ravdess(acted, range(1, 13))  # enough not to be over before the signal, however busy the machine is
    stopped = interrupted(signal.SIGINT, acted, out, 3)
    assert stopped.returncode == 130
    assert "Traceback" not in stopped.stderr
    assert (
        f"what is finished is kept in {out}, and the same command goes on from there"
        in stopped.stderr.replace("\n", " ")
    )
    killed = interrupted(signal.SIGKILL, acted, out, 3)
    assert killed.returncode == -signal.SIGKILL
    half = {path: path.stat().st_mtime_ns for path in out.glob("*.safetensors")}
    assert 6 <= len(half) < 96
    assert not json.loads((out / "manifest.json").read_text())["finished"]
    refused = features("meld", acted, out)
    assert refused.code == 2
    assert features("ravdess", acted, out, "--shard", "1").code == 0
    assert {path: path.stat().st_mtime_ns for path in half} == half, "what was finished is left as it was"
    assert features("ravdess", acted, tmp_path / "whole", "--shard", "1").code == 0
    assert shards(out) == shards(tmp_path / "whole")
    assert not list(out.glob("*.new"))
    assert len(open_store(out)) == 96


def test_acted_speech_with_copies(acted: Path, tmp_path: Path, features: Command) -> None:
    write_ravdess(tmp_path / "two", range(14, 16), range(1, 3))
    outcome = features("ravdess", tmp_path / "two", tmp_path / "store", "--disturbed", "2")
    assert outcome.code == 0
    assert outcome.out.splitlines()[0].startswith("ravdess, profile embedded: 8 utterances, ")
    assert "audio  8 utterances, voice 128 × float16" in outcome.out
    store = open_store(tmp_path / "store")
    assert (store.manifest.corpus, store.manifest.profile) == ("ravdess", "embedded")
    assert sorted(row.version for row in store.rows if row.split == "fusion") == [0, 0, 1, 1, 2, 2]
    assert all(store.tokens(index).keys() == {"audio"} for index in range(8))


def test_lines_with_copies_as_recognisers_write_them(tmp_path: Path, features: Command) -> None:
    """The copies of a line without a mark and with one differ from it, and in nothing but what a recogniser
    leaves out."""
    lines = [
        ("MELD", split, "0", "Ross", text, "joy")
        for split in ("train", "dev", "test")
        for text in ("no", "No!!!", "Noooo?")
    ]
    write_dialogues(tmp_path / "text_dialogues.csv", lines)
    assert features("meld", tmp_path, tmp_path / "store", "--disturbed", "2").code == 0
    store = open_store(tmp_path / "store")
    assert [row.split for row in store.rows if row.version] == ["train"] * 3 + ["dev"] * 3 + ["train"] * 3 + [
        "dev"
    ] * 3
    written, plain, marked = (
        [store.tokens(row)["text"] for row in store.dialogues("train", version)[0]] for version in range(3)
    )
    assert np.array_equal(written[0], plain[0]), "there was no mark to leave out"
    assert len(written[1]) > len(plain[1]) and len(plain[2]) < len(marked[2]), "marks are tokens"
    again = tmp_path / "again"
    assert features("meld", tmp_path, again, "--disturbed", "2").code == 0
    assert shards(again) == shards(tmp_path / "store")


def test_meld_with_clips_that_are_missing_or_broken(tmp_path: Path, features: Command) -> None:
    rows = {
        "train": [meld_row(0, 0), meld_row(0, 1, emotion="joy"), meld_row(0, 2)],
        "dev": [meld_row(0, 0)],
        "test": [meld_row(0, 0)],
    }
    root = write_meld(tmp_path / "meld", rows)
    whole = write_clip(
        root / "train_splits/dia0_utt0.mp4", video=VideoSpec(), audio=AudioSpec(), duration=0.8, onset=0.2
    )
    (root / "train_splits/dia0_utt1.mp4").write_bytes(whole.read_bytes()[:2_000])
    outcome = features("meld", root, tmp_path / "store", "--shard", "2")
    assert outcome.code == 0
    for line in (
        "dev/dia0_utt0: dia0_utt0.mp4 is missing",
        "train/dia0_utt2: dia0_utt2.mp4 is missing",
        "train/dia0_utt1: dia0_utt1.mp4",
    ):
        assert f"emotrack: {line}" in outcome.err
    store = open_store(tmp_path / "store")
    assert [set(store.tokens(index)) for index in range(5)] == [{"text", "audio"}, *[{"text"}] * 4]
    assert store.manifest.present == {"text": 5, "audio": 1, "face": 0}
    assert len(store.manifest.skipped) == 4
    assert store.rows[1].label == "joy" and store.dialogues("train") == [[0, 1, 2]]


def test_iemocap(tmp_path: Path, features: Command) -> None:
    turns = [Turn("F", "neu", "Excuse me.", 0.1, 1.1), Turn("M", "ang", "What?", 0.6, 1.4)]
    root = write_iemocap(tmp_path / "iemocap", turns)
    write_iemocap_dialogue(root, "Ses01F_impro01", turns)
    video = root / "Session1/dialog/avi/DivX/Ses01F_impro01.avi"
    video.parent.mkdir(parents=True)
    write_clip(video, video=VideoSpec(), duration=2.0)
    outcome = features("iemocap", root, tmp_path / "store")
    assert outcome.code == 0
    store = open_store(tmp_path / "store")
    assert store.manifest.present == {"text": 10, "audio": 2, "face": 0}
    assert [row.name for row in store.rows[:2]] == ["Ses01F_impro01_F000", "Ses01F_impro01_M000"]
    assert len(store.dialogues("test")) == 1


def test_words_faces_and_given_features(tmp_path: Path, features: Command) -> None:
    write_dialogues(tmp_path / "text_dialogues.csv", TABLE)
    votes = np.eye(10, dtype=int)[[0, 1, 1, 2]] * 5
    for path in write_faces(tmp_path, votes, ["train", "valid", "valid", "test"]):
        path.rename(
            tmp_path
            / {"faces.npz": "fer2013plus_48x48_webp.npz", "faces.csv": "fer2013plus_labels.csv"}[path.name]
        )
    write_mosi(tmp_path, mosi_arrays({"train": [1, 1, 2, 2], "test": [3]}))
    for corpus, options in (("meld", ()), ("ferplus", ("--disturbed", "1")), ("mosi", ())):
        assert features(corpus, tmp_path, tmp_path / "stores" / corpus, *options).code == 0
    words = open_store(tmp_path / "stores/meld")
    assert words.manifest.classes == MELD_CLASSES and set(words.tokens(0)) == {"text"}
    faces = open_store(tmp_path / "stores/ferplus")
    assert [(row.split, row.version) for row in faces.rows] == [
        ("train", 0),
        ("dev", 0),
        ("fusion", 0),
        ("test", 0),
        ("fusion", 1),
    ]
    assert faces.tokens(2)["face"].shape == (1, 128) and faces.rows[0].votes == (5, *[0] * 9)
    given = open_store(tmp_path / "stores/mosi")
    assert {stream: tokens.dtype for stream, tokens in given.tokens(0).items()} == dict.fromkeys(
        ("text", "audio", "face"), np.float32
    )


def test_mistakes_are_one_sentence(acted: Path, tmp_path: Path, features: Command) -> None:
    write_dialogues(tmp_path / "text_dialogues.csv", TABLE)
    store = tmp_path / "store"
    assert features("meld", tmp_path, store).code == 0
    (tmp_path / "file").touch()
    media = write_meld(tmp_path / "media", {split: [meld_row(0, 0)] for split in ("train", "dev", "test")})
    for arguments, sentence in (
        (("cremad", acted, store), "There is no corpus 'cremad'"),
        (("meld", tmp_path / "nowhere", store), "There is no "),
        (("meld", acted, store), "has no train_sent_emo.csv"),
        (("meld", tmp_path, store, "--profile", "none"), "There is no profile 'none'"),
        (("meld", media, store, "--disturbed", "2"), "meld has no split that is disturbed"),
        (("meld", tmp_path, store, "--bundle", str(tmp_path)), "bundle.json cannot be read"),
        (("meld", tmp_path, store, "--shard", "7"), "another size of shards (128, now 7)"),
        (("emorynlp", tmp_path, store), "has no dialogue of EmoryNLP"),
        (("ravdess", acted, store), "another corpus (meld, now ravdess)"),
        (("meld", tmp_path, acted), "holds something else than a store"),
        (("meld", tmp_path, tmp_path / "file"), f"{tmp_path / 'file'} cannot be used"),
    ):
        outcome = features(*arguments)
        said = [
            line
            for line in outcome.err.splitlines()
            if line.startswith("emotrack: ") and not line.endswith("…")
        ]
        assert outcome.code == 2, sentence
        assert len(said) == 1 and sentence in said[0], said
        assert "Traceback" not in outcome.err


def test_a_store_of_another_profile_is_refused(tmp_path: Path, features: Command) -> None:
    write_dialogues(tmp_path / "text_dialogues.csv", TABLE)
    assert features("meld", tmp_path, tmp_path / "store").code == 0
    same = ("--set", "engines.device=cpu", "--set", "engines.text=all-MiniLM-L6-v2")
    outcome = features("meld", tmp_path, tmp_path / "store", "--profile", "gpu", *same)
    assert outcome.code == 2
    assert "was begun with another profile (embedded, now gpu)" in outcome.err
