"""Bundles measured on stores: what is fed, what is refused, and the command line from bundle to table."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from emotrack.cli.training.evaluate import prepare, store_of
from emotrack.errors import UserError
from emotrack.modalities import MODALITIES, Modality
from emotrack.model.bundle import NewPart, default_directory, load_bundle, network_part, save_bundle
from emotrack.model.configuration import MELD_CLASSES
from emotrack.model.formats import EXPRESSIONS, VOICE_DIM, VOICE_EMOTIONS
from emotrack.model.manifest import PartName
from emotrack.model.modules.face import FaceNetwork
from emotrack.model.modules.voice import VoiceTop
from emotrack.training.corpora.records import CorpusRow
from emotrack.training.corpora.texts import CLASSES
from emotrack.training.evaluation.evaluated import Evaluated
from emotrack.training.evaluation.experiments import MEMORY, VARIANTS, experiments_of, recipe
from emotrack.training.evaluation.measuring.alone import alone_figures
from emotrack.training.evaluation.measuring.elsewhere import elsewhere_figures
from emotrack.training.evaluation.measuring.encoders import face_figures, voice_figures
from emotrack.training.evaluation.measuring.labels import measure_bundle
from emotrack.training.evaluation.mosi import mosi_experiments
from emotrack.training.evaluation.records import Brief
from emotrack.training.evaluation.sources import Sources, once
from emotrack.training.evaluation.tables import NAMES
from emotrack.training.evaluation.tables.main import main_tables
from emotrack.training.evaluation.tables.per_class import streaming_tables
from emotrack.training.evaluation.tables.robustness import ALONE, WORDS
from emotrack.training.evaluation.tables.tables import TABLES
from emotrack.training.features.store import Store, Tokens, open_store
from emotrack.training.tasks.network.data import read_dialogues
from emotrack.training.tasks.network.evaluation import DialogueSet, only, outcome
from emotrack.training.tasks.network.settings import NetworkTraining
from helpers.learning.corpora import write_ravdess, write_store_of
from helpers.networks.small import (
    linear,
    random_batch,
    save_small_bundle,
    small_configuration,
    small_network,
)
from helpers.networks.voice_network import new_voice
from helpers.sessions.commands import emotrack

WIDTHS: dict[Modality, int] = {"text": 6, "audio": 5, "face": 4}


def dialogue_store(path: Path, classes: tuple[str, ...] = MELD_CLASSES, sha256: str | None = None) -> Path:
    """Three test dialogues of four lines; one line has no label."""
    random = np.random.default_rng(0)
    rows = [
        CorpusRow(
            f"{dialogue}_{place}",
            f"{dialogue}",
            place,
            "test",
            f"{place % 2}",
            label=None if place == dialogue == 0 else classes[place],
        )
        for dialogue in range(3)
        for place in range(4)
    ]
    tokens: list[Tokens] = [
        {"text": random.normal(size=(3, WIDTHS["text"])).astype(np.float32)} for _ in rows
    ]
    return write_store_of(path, rows, tokens, classes, encoders={"text": ("minilm", sha256)})


def acted_store(path: Path, corpus: str, modality: Modality) -> Path:
    """Two of each class."""
    random = np.random.default_rng(1)
    rows = [
        CorpusRow(f"{copy}_{name}", f"{copy}_{name}", 0, "test", "x", label=name)
        for copy in range(2)
        for name in MELD_CLASSES
    ]
    tokens: list[Tokens] = [
        {modality: random.normal(size=(2, WIDTHS[modality])).astype(np.float32)} for _ in rows
    ]
    return write_store_of(path, rows, tokens, MELD_CLASSES, corpus=corpus)


def parallel_store(path: Path) -> Path:
    """Four short videos whose text tells the label."""
    random = np.random.default_rng(2)
    rows: list[CorpusRow] = []
    tokens: list[Tokens] = []
    for video, split in enumerate(("train", "train", "dev", "test")):
        for place in range(6):
            rows.append(
                CorpusRow(
                    f"{video}_{place}",
                    f"{video}",
                    place,
                    split,
                    f"{video}",
                    label=("negative", "positive")[place % 2],
                )
            )
            one: Tokens = {modality: random.normal(size=(1, 4)).astype(np.float32) for modality in WIDTHS}
            one["text"] += 3 * (place % 2)
            tokens.append(one)
    return write_store_of(path, rows, tokens, ("negative", "positive"), corpus="mosi", profile="poria")


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    save_small_bundle(tmp_path / "bundle")
    return tmp_path / "bundle"


def test_zero_fill_feeds_zeros_as_if_they_were_there() -> None:
    network = small_network(trained=("text", "audio", "face"))
    batch = random_batch(network.configuration)
    filled = only(batch, ["text"], network.configuration, "zero")
    assert filled.present.tolist() == [[True, True, True, False]] * 5
    assert not filled.audio.values.any() and torch.equal(filled.text.values, batch.text.values)
    assert network.fuse(filled).modes.all()
    assert only(batch, ["text"], network.configuration).present[:, 1:].any().item() is False


def test_lines_without_a_label_are_read_but_do_not_count(tmp_path: Path) -> None:
    network = small_network()
    store = open_store(dialogue_store(tmp_path / "meld"))
    held = DialogueSet.draw(read_dialogues(store, "test"), None, network.configuration.widths, 0)
    result = outcome(network, held, ["text"])
    assert len(result.live) == len(result.labels) == len(held.dialogues) == 11
    assert held.dialogues.tolist() == [0] * 3 + [1] * 4 + [2] * 4


def test_masked_and_joint_differ_only_by_what_is_imputed() -> None:
    network = small_network()
    batch = random_batch(network.configuration)
    kept = only(batch, ["audio"], network.configuration)
    assert network.fuse(kept).imputed.any() and not network.fuse(kept, impute=False).imputed.any()


def test_measuring_says_how_it_stands(bundle: Path, tmp_path: Path) -> None:
    stores = [
        dialogue_store(tmp_path / "m"),
        acted_store(tmp_path / "r", "ravdess", "audio"),
        acted_store(tmp_path / "f", "ferplus", "face"),
    ]
    sources = Sources(*map(open_store, stores))
    told: list[str] = []
    found = measure_bundle(load_bundle(bundle), sources, 7, told.append)
    assert len(told) == sources.steps(("text", "audio", "face")) and found.seed == 7
    assert found.dialogues.live.utterances == 11 and found.dialogues.dialogues == 3
    assert found.matched is not None and set(found.matched) == {"T", "A", "V", "T+A", "T+V", "A+V", "T+A+V"}
    whole = found.matched["T+A+V"]
    assert whole.joint == whole.masked, "nothing is missing that could be imputed: body is masked in both"
    alone = measure_bundle(load_bundle(bundle), Sources(sources.dialogues), None, told.append)
    assert alone.matched is None and alone.dialogues == found.dialogues


def test_one_mode_alone_is_measured_beside_its_encoders_own_head(tmp_path: Path) -> None:
    """Voices and faces whose own heads are sure of them: each recall of the own head is what was put in."""
    shipped, random = load_bundle(default_directory()), np.random.default_rng(0)
    stores = {}
    own: tuple[tuple[str, Modality, PartName, tuple[str, ...]], ...] = (
        ("ordinary", "audio", "voice", VOICE_EMOTIONS),
        ("ferplus", "face", "face", EXPRESSIONS),
    )
    for corpus, modality, part, names in own:
        weights = shipped.parts[part].tensors()["head.1.weight"].float().numpy()
        labels = [name for name in MELD_CLASSES for _ in range(3)]
        renamed = [{"joy": {"face": "happiness"}.get(modality, "joy")}.get(name, name) for name in labels]
        meant = [name if place % 3 else "surprise" for place, name in enumerate(renamed)]
        vectors = [
            4 * weights[names.index(name)] / np.linalg.norm(weights[names.index(name)]) for name in meant
        ]
        tokens: list[Tokens] = [
            {modality: (one + random.normal(size=(2, 128)) * 0.01).astype(np.float32)} for one in vectors
        ]
        rows = [
            CorpusRow(f"{place}", f"{place}", 0, "test", "x", label=name)
            for place, name in enumerate(renamed)
        ]
        encoders = {modality: (part, shipped.parts[part].sha256)}
        stores[corpus] = open_store(
            write_store_of(tmp_path / corpus, rows, tokens, names, corpus=corpus, encoders=encoders)
        )
    told: list[str] = []
    found = alone_figures(shipped, stores, told.append).corpora
    assert len(told) == len(ALONE) and set(found) == {"ordinary", "ferplus"}
    assert found["ordinary"].people == {
        "x": pytest.approx(np.average(list(found["ordinary"].whole.values())), abs=0.01)
    }
    for one in found.values():
        assert (
            one.clips == 21
            and set(one.own) == set(one.whole) == set(MELD_CLASSES)
            and 0 <= one.calibration_error <= 1
        )
        assert one.own == {
            name: 100.0 if name == "surprise" else pytest.approx(66.67) for name in MELD_CLASSES
        }


def test_words_from_elsewhere_are_judged_by_what_both_can_name(bundle: Path, tmp_path: Path) -> None:
    random, names = np.random.default_rng(0), CLASSES["EmoryNLP"]

    def store(corpus: str, rows: list[CorpusRow], classes: tuple[str, ...]) -> Store:
        tokens: list[Tokens] = [{"text": random.normal(size=(2, 6)).astype(np.float32)} for _ in rows]
        encoders: dict[Modality, tuple[str, str | None]] = {"text": ("minilm", None)}
        return open_store(
            write_store_of(tmp_path / corpus, rows, tokens, classes, corpus=corpus, encoders=encoders)
        )

    scripts = [
        CorpusRow(f"{place}", f"{place // 2}", place % 2, "test", "x", label=name)
        for place, name in enumerate(names)
    ]
    rated = [
        CorpusRow(f"{place}", f"{place}", 0, "test", "x", valence=place / 9, arousal=-place / 9)
        for place in range(9)
    ]
    told: list[str] = []
    stores = {"emorynlp": store("emorynlp", scripts, names), "emobank": store("emobank", rated, ())}
    found = elsewhere_figures(load_bundle(bundle), stores, told.append)
    assert len(told) == len(WORDS) and set(found.labels) == {"emorynlp"}
    assert found.labels["emorynlp"].utterances == 5, "peaceful and powerful are none of MELD's"
    assert set(found.affect) == {"valence", "arousal"}
    for one in found.affect.values():
        assert (
            -1 <= one.correlation <= 1 and one.error > 0 and one.constant == pytest.approx(20 / 81, abs=1e-3)
        )


def test_dialogues_with_sound_and_pictures_of_their_own(bundle: Path, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    rows = [CorpusRow(f"{place}", "0", place, "test", "x", label=MELD_CLASSES[place]) for place in range(4)]
    widths: dict[Modality, int] = {**WIDTHS, "body": 3}
    tokens: list[Tokens] = [
        {modality: random.normal(size=(2, width)).astype(np.float32) for modality, width in widths.items()}
        for _ in rows
    ]
    sources = Sources(open_store(write_store_of(tmp_path / "own", rows, tokens, MELD_CLASSES)))
    told: list[str] = []
    found = measure_bundle(load_bundle(bundle), sources, None, told.append)
    assert found.matched is None and found.own is not None and len(told) == sources.steps(MODALITIES)
    assert set(found.own) == {"T", "A", "V", "T+A", "T+V", "A+V", "T+A+V", "No Face", "No Body"}
    assert found.dialogues.modalities == ["text"] and found.everything is not None
    assert found.everything.modalities == list(MODALITIES)
    assert found.everything.live.weighted_f1 == found.own["T+A+V"].masked.weighted_f1
    headlines = [
        table.title for table in main_tables(Evaluated((found,))) if table.title.startswith("Headline")
    ]
    assert headlines == [
        "Headline: MELD test, text only, live",
        "Headline: MELD test, text, audio, face and body, live",
    ]
    assert len(streaming_tables(Evaluated((found,)))) == 2
    heard: list[Tokens] = [{"text": one["text"], "audio": one["audio"]} for one in tokens]
    without = Sources(open_store(write_store_of(tmp_path / "heard", rows, heard, MELD_CLASSES)))
    assert without.rows(MODALITIES) == ("T", "A", "T+A")


@pytest.mark.parametrize(
    ("trained", "rows"),
    [
        (("text",), ("T",)),
        (("text", "face"), ("T", "V", "T+V")),
        (("text", "audio", "face"), ("T", "A", "V", "T+A", "T+V", "A+V", "T+A+V")),
    ],
)
def test_rows_that_need_a_modality_which_the_bundle_masks_are_not_measured(
    trained: tuple[Modality, ...], rows: tuple[str, ...], tmp_path: Path
) -> None:
    random = np.random.default_rng(0)
    row = CorpusRow("0", "0", 0, "test", "x", label=MELD_CLASSES[0])
    tokens = {modality: random.normal(size=(2, 3)).astype(np.float32) for modality in MODALITIES}
    assert (
        Sources(open_store(write_store_of(tmp_path / "own", [row], [tokens], MELD_CLASSES))).rows(trained)
        == rows
    )
    drawn = Sources(
        open_store(dialogue_store(tmp_path / "m")),
        open_store(acted_store(tmp_path / "r", "ravdess", "audio")),
        open_store(acted_store(tmp_path / "f", "ferplus", "face")),
    )
    assert drawn.rows(trained) == rows


def test_a_bundle_is_tested_on_the_session_that_it_was_not_to_learn_from(
    bundle: Path, tmp_path: Path
) -> None:
    rows = [
        CorpusRow(
            f"{session}/{place}", f"Ses{session:02}F_impro01", place, "train", "F", label=MELD_CLASSES[place]
        )
        for session in range(1, 6)
        for place in range(session)
    ]
    tokens: list[Tokens] = [{"text": np.ones((1, WIDTHS["text"]), np.float32)} for _ in rows]
    sources = Sources(
        open_store(write_store_of(tmp_path / "store", rows, tokens, MELD_CLASSES, corpus="iemocap"))
    )
    found = []
    for session in (2, 4):
        metrics = {"training": {"network": {"settings": {"held_out": session}}}}
        found.append(
            measure_bundle(replace(load_bundle(bundle), metrics=metrics), sources, 1, lambda _: None)
        )
        assert found[-1].held_out == session and found[-1].dialogues.live.utterances == session
    assert Evaluated(tuple(found)).columns("ours") == ("ours (2 folds)",)


def test_stores_that_do_not_go_with_the_bundle_are_refused(bundle: Path, tmp_path: Path) -> None:
    loaded = load_bundle(bundle)
    for store, message in (
        (
            dialogue_store(tmp_path / "a", classes=("a", "b", "c", "d")),
            "has the classes a, b, c, d, the bundle has neutral",
        ),
        (dialogue_store(tmp_path / "b", sha256="0" * 64), "were made by other weights than the bundle"),
    ):
        with pytest.raises(UserError, match=message):
            measure_bundle(loaded, Sources(open_store(store)), None, lambda _: None)


def test_every_variant_changes_something_and_only_that(tmp_path: Path) -> None:
    settings = recipe(tmp_path)
    names = {one.name for one in experiments_of(settings, "data", list(VARIANTS))}
    assert len(names) == 3 * len(VARIANTS) and len(settings.seeds) == 3
    (one,) = experiments_of(settings.model_copy(update={"seeds": (5,)}), "data", ["no multimodal attention"])
    assert one.settings.network == settings.network.model_copy(update={"layers": 0}) and one.seed == 5
    assert (
        settings.network.layers == 4 and settings.objective.gamma == 1 and settings.network.fusion == "query"
    )


def tiny(store: Path, tmp_path: Path) -> NetworkTraining:
    small = small_configuration(trained=("text", "audio", "face"), layers=1)
    return NetworkTraining.model_validate(
        {
            "out": tmp_path / "out",
            "store": store,
            "seeds": [1, 2],
            "network": small.model_dump(exclude={"widths"}),
            "optimisation": {"epochs": 1, "warmup": 0.5},
            "fitting_batches": 1,
        }
    )


def test_experiments_on_parallel_modes_are_kept(tmp_path: Path) -> None:
    path = parallel_store(tmp_path / "mosi")
    store, settings, told = open_store(path), tiny(path, tmp_path), list[str]()
    found = mosi_experiments(store, settings, tmp_path / "work", told.append, ("full", MEMORY), workers=1)
    assert found.utterances == 6 and found.seeds == [1, 2] and found.linear["T"].accuracy == 100
    assert [len(one.all) for one in found.variants.values()] == [2, 2]
    assert set(found.variants["full"].subsets) == {"T", "A", "V", "T+A", "T+V", "A+V", "T+A+V"}
    assert (
        set(found.variants[MEMORY].halfway) == {"T", "A", "V", "T+A", "T+V", "A+V"}
        and not found.variants["full"].halfway
    )
    assert sorted(one.suffix for one in (tmp_path / "work").iterdir() if one.name != ".lock") == [".json"] * 4
    again = mosi_experiments(store, settings, tmp_path / "work", told.append, ("full", MEMORY), workers=1)
    assert again == found and told[0] == "full, seed 1" and told[4:] == [f"{one} (kept)" for one in told[:4]]


def test_command_prints_tables_and_draws_them(
    bundle: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stores = ["--store", str(dialogue_store(tmp_path / "meld"))]
    arguments = ["evaluate", str(bundle), "--work", str(tmp_path / "work"), *stores]
    done = emotrack(
        capfd, monkeypatch, *arguments, "--table", "streaming", "--plots", str(tmp_path / "plots")
    )
    assert (
        done.code == 0 and done.out.startswith("## Streaming tax") and "live (no later utterance)" in done.out
    )
    assert (tmp_path / "plots" / "streaming.png").exists() and "evaluating" in done.err
    done = emotrack(capfd, monkeypatch, *arguments, "--table", "all", "--format", "json")
    plain = json.loads(done.out)
    assert tuple(plain["tables"]) == tuple(TABLES) == NAMES
    assert len(plain["metrics"]["seeds"]) == 1 and "needs media" in done.out
    assert "nothing is measured for the table words: The text model minilm is not on this machine" in done.err


def test_what_was_measured_is_printed_without_importing_what_measures(
    bundle: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["evaluate", str(bundle), "--work", str(tmp_path / "work"), "--table", "streaming"]
    dialogue_store(tmp_path / "work" / "stores" / "meld")  # what --data made there
    first = emotrack(capfd, monkeypatch, *arguments)
    assert first.code == 0 and "not measured" not in first.out
    again = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "emotrack.cli", *arguments],
        capture_output=True,
        text=True,
    )
    imported = {
        line.rpartition("|")[2].strip()
        for line in again.stderr.splitlines()
        if line.startswith("import time:")
    }
    assert (again.returncode, again.stdout) == (0, first.out)
    assert "pydantic" in imported and not imported & {"torch", "sklearn", "scipy"}


def test_figures_that_cannot_be_read_are_measured_again(tmp_path: Path) -> None:
    told: list[str] = []

    def measure() -> Brief:
        told.append("measured")
        return Brief(weighted_f1=1, macro_f1=2, accuracy=3)

    assert once(tmp_path, Brief, ["a"], measure) == once(tmp_path, Brief, ["a"], measure)
    assert once(tmp_path, Brief, ["b"], measure) and len(told) == 2
    for path in tmp_path.iterdir():
        path.write_text("{")
    assert once(tmp_path, Brief, ["a"], measure).accuracy == 3 and len(told) == 3


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["--table", "nonsense"],
            "There is no table 'nonsense'; choose one of main, missing, ablation, streaming, per-class, "
            "words, drawn, alone, elsewhere, all.",
        ),
        (["--format", "xml"], "There is no format 'xml'; choose markdown or json."),
        (
            ["--table", "streaming"],
            "There are no dialogues to measure this bundle on: give --data, or --store with a store of meld.",
        ),
    ],
)
def test_mistakes_are_told_in_one_sentence(
    arguments: list[str],
    sentence: str,
    bundle: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done = emotrack(capfd, monkeypatch, "evaluate", str(bundle), "--work", str(tmp_path), *arguments)
    assert done.code == 2 and done.out == "" and done.err.strip().endswith(sentence)


def test_two_stores_of_a_corpus_are_refused(
    bundle: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stores = [str(dialogue_store(tmp_path / name)) for name in ("one", "two")]
    done = emotrack(capfd, monkeypatch, "evaluate", str(bundle), "--store", stores[0], "--store", stores[1])
    assert done.code == 2 and "are both of meld: give one." in done.err


def test_encoders_are_judged_by_their_own_heads(tmp_path: Path) -> None:
    torch.manual_seed(0)
    voice, face = VoiceTop(8).eval(), FaceNetwork().eval()
    network = small_network()
    save_bundle(
        tmp_path / "bundle",
        {
            "network": network_part(network, "none", "nothing"),
            "voice": NewPart(voice.state_dict(), "none", "nothing"),
            "face": NewPart(face.state_dict(), "none", "nothing"),
        },
        configuration=network.configuration,
        encoders={},
        metrics={},
    )
    bundle, random = load_bundle(tmp_path / "bundle"), np.random.default_rng(0)
    sounds = [random.normal(size=(2, VOICE_DIM)).astype(np.float32) for _ in range(6)]
    with torch.no_grad():
        named = [
            VOICE_EMOTIONS[int(voice.head(torch.from_numpy(one)).softmax(1).mean(0).argmax())]
            for one in sounds
        ]
        answers = [EXPRESSIONS[int(face.head(torch.from_numpy(one[:1])).argmax())] for one in sounds]
    # The first is named rightly, and so is the second; the third is said to be something else.
    wrong = next(name for name in VOICE_EMOTIONS if name not in named)
    labels = [named[0], named[1], wrong, None, named[0], named[0]]
    splits = ["test", "test", "test", "test", "train", "train"]
    rows = [
        CorpusRow(f"{place}", f"{place}", 0, split, "x", label=label, sex="female" if place else "male")
        for place, (label, split) in enumerate(zip(labels, splits, strict=True))
    ]
    store = open_store(
        write_store_of(
            tmp_path / "r", rows, [{"audio": one} for one in sounds], VOICE_EMOTIONS, corpus="ravdess"
        )
    )
    found = voice_figures(bundle, store, None)
    assert found.clips == 3
    assert found.recall_by_class[wrong] == 0 and found.by_sex["male"] == 100 and found.accuracy < 100
    # Three of four votes decide; an even split decides nothing and is left out.
    votes = [np.eye(10, dtype=int)[EXPRESSIONS.index(name)] * 10 for name in answers]
    votes[1] = np.eye(10, dtype=int)[0] * 5 + np.eye(10, dtype=int)[1] * 5
    rows = [
        CorpusRow(f"{place}", f"{place}", 0, "test", "x", votes=tuple(vote.tolist()))
        for place, vote in enumerate(votes)
    ]
    store = open_store(
        write_store_of(
            tmp_path / "f", rows, [{"face": one[:1]} for one in sounds], EXPRESSIONS, corpus="ferplus"
        )
    )
    seen = face_figures(bundle, store)
    assert (seen.accuracy, seen.pictures) == (100.0, 5) and seen.milliseconds > 0


def test_a_voice_called_calm_is_a_neutral_one_in_a_corpus_that_knows_no_calm(tmp_path: Path) -> None:
    torch.manual_seed(0)
    voice, network = VoiceTop(8).eval(), small_network()
    with torch.no_grad():
        linear(voice.head[1]).bias[VOICE_EMOTIONS.index("calm")] = 100
    parts: dict[PartName, NewPart] = {
        "network": network_part(network, "none", "nothing"),
        "voice": NewPart(voice.state_dict(), "none", "nothing"),
    }
    save_bundle(tmp_path / "bundle", parts, configuration=network.configuration, encoders={}, metrics={})
    sounds = [np.zeros((1, VOICE_DIM), np.float32)] * 2

    def store(name: str, *labels: str) -> Store:
        rows = [
            CorpusRow(f"{place}", f"{place}", 0, "test", "x", label=label)
            for place, label in enumerate(labels)
        ]
        return open_store(
            write_store_of(
                tmp_path / name, rows, [{"audio": one} for one in sounds], VOICE_EMOTIONS, corpus=name
            )
        )

    found = voice_figures(
        load_bundle(tmp_path / "bundle"),
        store("ravdess", "neutral", "calm"),
        store("emodb", "neutral", "anger"),
    )
    assert found.emodb_clips == 2
    assert {name: value for name, value in found.recall_by_class.items() if value} == {"calm": 100}
    assert {name: value for name, value in found.emodb_recall_by_class.items() if value} == {"neutral": 100}


def test_reference_data_are_described_by_the_bundle_and_kept(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = small_network()
    parts: dict[PartName, NewPart] = {
        "network": network_part(network, "none", "nothing"),
        "voice": new_voice(tmp_path),
    }
    save_bundle(tmp_path / "bundle", parts, configuration=network.configuration, encoders={}, metrics={})
    bundle = load_bundle(tmp_path / "bundle")
    write_ravdess(tmp_path / "clips", range(20, 22), range(1, 4))
    out = store_of("ravdess", bundle, tmp_path / "stores")
    store = prepare("ravdess", tmp_path / "clips", bundle, out)
    assert [row.split for row in store.rows] == ["test"] * 3, "actor 20 is of dev"
    assert store.path.name == f"ravdess-{bundle.parts['voice'].sha256[:12]}"
    figures = voice_figures(bundle, store, None)
    assert figures.clips == 3 and set(figures.by_sex) == {"male"}
    before = sorted(
        (one.name, one.stat().st_mtime_ns) for one in store.path.iterdir() if one.suffix == ".safetensors"
    )
    prepare("ravdess", tmp_path / "clips", bundle, out)
    assert before == sorted(
        (one.name, one.stat().st_mtime_ns) for one in store.path.iterdir() if one.suffix == ".safetensors"
    )
