"""`emotrack train` as users meet it: a run per seed, killed and gone on with, and everything that can be
wrong with a recipe."""

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from shutil import copyfile
from typing import Any

import pytest
import torch
import yaml
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from emotrack.cli.training.train import read_recipe
from emotrack.errors import UserError
from emotrack.files import alone_in
from emotrack.model.bundle import NewPart, load_bundle, load_manifest, save_bundle
from emotrack.training.loop.task import CHECKPOINT, load_checkpoint
from emotrack.training.run import KINDS, learnt_from
from emotrack.training.tasks.text.settings import FurtherTexts, TextTraining
from emotrack.training.tasks.voice import VoiceTraining
from helpers.learning.corpora import write_dialogues
from helpers.learning.stores import TINY, write_stores, write_talk
from helpers.networks.sentences import save_sentence_encoder
from helpers.sessions.commands import Outcome, emotrack, start

pytestmark = pytest.mark.xdist_group("train command")  # one worker trains once for all of them
EPOCHS = 8
SAVED = {".lock", CHECKPOINT, "bundle.json", "network.safetensors", "plots"}
"""What a run leaves in its folder."""
RECIPES = sorted(
    path.name.removesuffix(".yaml") for path in (files("emotrack.configs") / "training").iterdir()
)
Run = Callable[..., Outcome]


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The network on tiny stores, for two seeds."""
    return {
        "train": "network",
        "seeds": [1, 2],
        "device": "cpu",
        **write_stores(tmp_path_factory.mktemp("stores")),
        "network": {**TINY, "dropout": 0.2},
        "dialogues": 2,
        "fitting_batches": 1,
        "optimisation": {"epochs": EPOCHS, "rate": 0.005, "average": 0.9},
    }


def write(path: Path, content: dict[str, Any], **changes: Any) -> str:
    path.write_text(yaml.safe_dump({**content, **changes}))
    return str(path)


@pytest.fixture(scope="module")
def finished(recipe: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """The recipe, and the folder of its run, which nothing interrupted."""
    folder = tmp_path_factory.mktemp("finished")
    config = write(folder / "recipe.yaml", recipe, out=str(folder / "run"))
    process = start("train", "--config", config)
    out, err = process.communicate(timeout=240)
    assert process.returncode == 0, err
    assert out.splitlines() == [str(folder / "run" / "seed-1"), str(folder / "run" / "seed-2")]
    assert "Traceback" not in err
    return config, folder / "run"


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """The command in this process, whose settings of torch are put back."""
    threads = torch.get_num_threads()
    yield lambda *arguments: emotrack(capfd, monkeypatch, "train", *arguments)
    torch.use_deterministic_algorithms(False)
    torch.set_num_threads(threads)


def test_each_seed_gives_a_bundle_of_its_own(finished: tuple[str, Path]) -> None:
    one, two = (load_bundle(finished[1] / f"seed-{seed}") for seed in (1, 2))
    assert one.identifier != two.identifier
    assert one.parts["network"].sha256 != two.parts["network"].sha256
    for seed, bundle in ((1, one), (2, two)):
        facts = bundle.metrics["training"]["network"]
        assert (facts["seed"], facts["epochs"]) == (seed, EPOCHS)
        assert 1 <= facts["best_epoch"] <= EPOCHS
        assert facts["settings"]["optimisation"]["rate"] == 0.005
        assert len(facts["fingerprint"]) == 64
        assert facts["dev"].keys() == {"text", "all", "score"}
        assert "research only" in bundle.parts["network"].licence
    assert one.configuration.classes == two.configuration.classes
    assert {path.name for path in (finished[1] / "seed-1").iterdir()} == SAVED


def plotted(folder: Path) -> dict[str, list[int]]:
    """The epochs of each curve that TensorBoard shows."""
    events = EventAccumulator(str(folder / "plots"))
    events.Reload()
    return {name: [event.step for event in events.Scalars(name)] for name in events.Tags()["scalars"]}


CURVES = {f"loss/{name}" for name in ("live", "revised", "focal", "nce", "joint")} | {
    f"dev/{name}" for name in ("text", "all", "score")
}


def test_tensorboard_shows_each_epoch(finished: tuple[str, Path]) -> None:
    for seed in (1, 2):
        curves = plotted(finished[1] / f"seed-{seed}")
        assert curves.keys() == CURVES
        assert all(steps == list(range(EPOCHS)) for steps in curves.values())


def kill_after(process: "subprocess.Popen[str]", checkpoint: Path, epochs: int) -> None:
    """End the process without warning once so many epochs are in its checkpoint."""
    deadline = time.monotonic() + 200
    # A copy, for torch opens a file of weights once more by its name, and may find the next epoch's there.
    copy = checkpoint.parents[2] / "copy.safetensors"
    try:
        while process.poll() is None and time.monotonic() < deadline:
            if checkpoint.exists():
                copyfile(checkpoint, copy)
                if load_checkpoint(copy)[1]["progress"]["epoch"] >= epochs:
                    break
            time.sleep(0.005)
    finally:
        process.send_signal(signal.SIGKILL)
        _, err = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL, err


def test_killed_and_started_again_gives_the_same_bytes(
    recipe: dict[str, Any], finished: tuple[str, Path], run: Run, tmp_path: Path
) -> None:
    config = write(tmp_path / "recipe.yaml", recipe, out=str(tmp_path / "run"), seeds=[1])
    folder = tmp_path / "run" / "seed-1"
    process = start("train", "--config", config)
    kill_after(process, folder / CHECKPOINT, 2)
    assert 2 <= load_checkpoint(folder / CHECKPOINT)[1]["progress"]["epoch"] < EPOCHS
    assert not (folder / "bundle.json").exists()
    again = run("--config", config)
    assert again.code == 0, again.err
    assert again.out.splitlines() == [str(folder)]
    unbroken = finished[1] / "seed-1"
    assert (folder / "network.safetensors").read_bytes() == (unbroken / "network.safetensors").read_bytes()
    assert load_bundle(folder).configuration == load_bundle(unbroken).configuration
    curves = plotted(folder)
    assert curves.keys() == CURVES
    assert all(steps == list(range(EPOCHS)) for steps in curves.values())


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        str(path): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_finished_run_changes_nothing_and_reads_nothing(
    finished: tuple[str, Path], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, folder = finished
    monkeypatch.setattr("emotrack.training.run.read_data", pytest.fail)
    before = contents(folder)
    outcome = run("--config", config)
    assert outcome.code == 0, outcome.err
    assert outcome.out.splitlines() == [str(folder / f"seed-{seed}") for seed in (1, 2)]
    assert contents(folder) == before
    assert outcome.err == f"emotrack: nothing is to do: {folder} holds this very training, finished.\n"


def test_a_bundle_that_is_lost_is_written_again(finished: tuple[str, Path], run: Run) -> None:
    config, folder = finished
    weights = folder / "seed-2" / "network.safetensors"
    before = weights.read_bytes(), load_bundle(folder / "seed-2").identifier
    weights.write_bytes(before[0][:-100])
    assert run("--config", config).code == 0
    assert (weights.read_bytes(), load_bundle(folder / "seed-2").identifier) == before


def test_single_settings_are_put_over_the_recipe(
    finished: tuple[str, Path], run: Run, tmp_path: Path
) -> None:
    config, _ = finished
    outcome = run(
        "-c", config, "--set", f"out={tmp_path}", "--set", "seeds=[7]", "--set", "optimisation.epochs=1"
    )
    assert outcome.out.splitlines() == [str(tmp_path / "seed-7")]
    assert load_manifest(tmp_path / "seed-7")[0].metrics["training"]["network"]["epochs"] == 1


def test_a_folder_of_another_run_is_refused(finished: tuple[str, Path], run: Run) -> None:
    config, folder = finished
    before = contents(folder)
    refused(run("--config", config, "--set", "optimisation.rate=0.1"), "other data or settings")
    assert contents(folder) == before


def test_a_run_is_written_by_one_process_at_a_time(recipe: dict[str, Any], run: Run, tmp_path: Path) -> None:
    config = write(tmp_path / "recipe.yaml", recipe, out=str(tmp_path / "run"))
    with alone_in(tmp_path / "run" / "seed-1"):
        refused(run("--config", config), "Another process is writing into", "seed-1")


def test_what_an_encoder_learnt_from_follows_its_settings(tmp_path: Path) -> None:
    text = TextTraining(out=tmp_path, table=tmp_path)
    assert learnt_from(text) == "MELD train dialogues"
    part = NewPart({"weight": torch.zeros(1)}, "free for tests", "EmoContext", {})
    taught: dict[str, Any] = {"training": {"text": {"settings": {"auxiliary": {"EmoContext": {}}}}}}
    save_bundle(tmp_path / "teacher", {"text": part}, configuration=None, encoders={}, metrics=taught)
    helped = text.model_copy(
        update={"auxiliary": {"DailyDialog": FurtherTexts()}, "teachers": (tmp_path / "teacher",)}
    )
    assert (
        learnt_from(helped)
        == "MELD, DailyDialog and EmoContext train dialogues, as another adapter answers them"
    )
    save_bundle(tmp_path / "blank", {"text": part}, configuration=None, encoders={}, metrics={})
    with pytest.raises(UserError, match="no trained text adapter"):
        learnt_from(text.model_copy(update={"teachers": (tmp_path / "blank",)}))
    assert learnt_from(text.model_copy(update={"auxiliary": {"EmoryNLP": FurtherTexts()}})).endswith(
        "but for those of EmoryNLP that MELD's dev and test know"
    )
    voice = VoiceTraining(out=tmp_path, clips=tmp_path)
    assert learnt_from(voice) == "RAVDESS speech, actors 1-14"
    wider = voice.model_copy(update={"table": tmp_path, "corpora": {"ravdess": 1, "ordinary": 0}})
    assert learnt_from(wider) == "RAVDESS speech, actors 1-14; half of the readers of LibriSpeech, as neutral"
    assert learnt_from(voice.model_copy(update={"fold": 5})).startswith(
        "RAVDESS speech, actors 2, 3, 5, 6, 7, 8, 10, 11"
    )


def test_a_sentence_encoder_is_adapted(run: Run, tmp_path: Path) -> None:
    words = {"so": "joy", "no": "anger", "are you coming": "neutral"}
    rows = [
        ("MELD", split, "0", "a", text, emotion)
        for split in ("train", "dev")
        for text, emotion in words.items()
    ]
    write_dialogues(tmp_path / "table.csv", rows)
    base = str(save_sentence_encoder(tmp_path / "sentences"))
    settings = {
        "train": "text",
        "out": str(tmp_path),
        "table": str(tmp_path / "table.csv"),
        "base": base,
        "device": "cpu",
    }
    config = write(tmp_path / "recipe.yaml", settings, optimisation={"epochs": 1})
    assert run("--config", config).out.splitlines() == [str(tmp_path / "seed-1")]
    manifest, parts = load_manifest(tmp_path / "seed-1")
    assert manifest.configuration is None
    assert parts.keys() == {"text"}
    assert parts["text"].settings == {"base": base, "utterances": 8, "tokens": 256, "languages": ["en"]}
    assert "research only" in parts["text"].licence
    assert manifest.metrics["training"]["text"]["dev"]["score"] >= 0


def refused(outcome: Outcome, *words: str) -> None:
    assert outcome.code == 2, outcome
    assert outcome.out == ""
    said = [line for line in outcome.err.splitlines() if not line.startswith("emotrack: training ")]
    assert len(said) == 1, outcome.err
    assert said[0].startswith("emotrack: ") and said[0].endswith("."), said
    assert not [word for word in words if word not in said[0]], said


Content = dict[str, Any]
WRONG: dict[str, tuple[Callable[[Content, Path], Content | str], tuple[str, ...]]] = {
    "no mapping": (lambda recipe, folder: "- train", ("key: value",)),
    "no YAML": (lambda recipe, folder: "train: [", ("not valid YAML",)),
    "nothing": (lambda recipe, folder: "", ("train",)),
    "unknown network": (lambda recipe, folder: {**recipe, "train": "dance"}, ("train", "dance", "voice")),
    "many networks": (lambda recipe, folder: {**recipe, "train": ["voice"]}, ("train", "voice")),
    "unknown setting": (lambda recipe, folder: {**recipe, "stores": "x"}, ("no setting stores",)),
    "misspelt setting beside one that is missing": (
        lambda recipe, folder: {**{key: recipe[key] for key in recipe if key != "out"}, "outt": "x"},
        ("no setting outt",),
    ),
    "unknown setting within": (
        lambda recipe, folder: {**recipe, "optimisation": {"epoch": 3}},
        ("no setting optimisation.epoch",),
    ),
    "unknown share": (lambda recipe, folder: {**recipe, "matching": {"voise": {}}}, ("matching.voise",)),
    "wrong kind": (
        lambda recipe, folder: {**recipe, "optimisation": {"epochs": "soon"}},
        ("optimisation.epochs", "soon"),
    ),
    "no store named": (
        lambda recipe, folder: {key: recipe[key] for key in recipe if key != "store"},
        ("The setting store is missing",),
    ),
    "no folder named": (
        lambda recipe, folder: {key: recipe[key] for key in recipe if key != "out"},
        ("The setting out is missing",),
    ),
    "no seeds": (lambda recipe, folder: {**recipe, "seeds": []}, ("seeds",)),
    "negative seed": (lambda recipe, folder: {**recipe, "seeds": [-1]}, ("seeds.0",)),
    "nothing to teach": (
        lambda recipe, folder: {
            **recipe,
            "objective": dict.fromkeys(("live", "revised", "focal", "nce", "joint", "evidence"), 0),
        },
        ("objective", "every term is switched off"),
    ),
    "uneven heads": (
        lambda recipe, folder: {**recipe, "network": {"width": 10, "heads": 4}},
        ("not a multiple of heads",),
    ),
    "missing store": (
        lambda recipe, folder: {**recipe, "store": str(folder / "nowhere")},
        ("nowhere", "emotrack features"),
    ),
    "voices alone": (lambda recipe, folder: {**recipe, "faces": None}, ("set both, or neither",)),
    "missing bundle": (
        lambda recipe, folder: {**recipe, "encoders": str(folder / "nowhere")},
        ("nowhere", "emotrack bundle"),
    ),
    "other encoders": (
        lambda recipe, folder: {
            **recipe,
            "store": str(
                write_talk(folder / "talk", {"train": 1, "dev": 1}, encoders={"text": ("MiniLM", "0" * 64)})
            ),
        },
        ("text features", "`encoders`"),
    ),
    "a file as folder": (
        lambda recipe, folder: {**recipe, "out": str(folder / "recipe.yaml")},
        ("recipe.yaml", "give another"),
    ),
    "missing table": (
        lambda recipe, folder: {
            "train": "text",
            "out": str(folder / "run"),
            "table": str(folder / "nowhere.csv"),
        },
        ("nowhere.csv",),
    ),
    "unknown corpus": (
        lambda recipe, folder: {
            "train": "text",
            "out": "run",
            "table": "x.csv",
            "auxiliary": {"Friends": {}},
        },
        ("auxiliary.Friends",),
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_recipes_are_one_sentence(recipe: Content, run: Run, tmp_path: Path, wrong: str) -> None:
    change, words = WRONG[wrong]
    content = change({**recipe, "out": str(tmp_path / "run")}, tmp_path)
    path = tmp_path / "recipe.yaml"
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    refused(run("--config", str(path)), *words)


def test_a_recipe_that_is_not_there_is_one_sentence(run: Run, tmp_path: Path) -> None:
    refused(run("--config", str(tmp_path / "nowhere.yaml")), "nowhere.yaml")
    refused(run("--config", "dance"), "dance")


@pytest.mark.skipif(torch.cuda.is_available(), reason="a CUDA device is there")
def test_cuda_that_is_not_there_is_one_sentence(finished: tuple[str, Path], run: Run) -> None:
    refused(run("--config", finished[0], "--set", "device=cuda"), "device is cuda", "device=cpu")


@pytest.mark.parametrize("name", RECIPES)
def test_the_recipes_that_ship_are_valid(name: str) -> None:
    content = read_recipe(name)
    settings = KINDS[content["train"]].settings.model_validate(content)
    assert settings.out.parts[0] == "runs"
