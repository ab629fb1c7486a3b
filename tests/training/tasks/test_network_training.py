"""The network learns from stores of features: what it is given, that it learns, and the bundle that comes of
it."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from emotrack.errors import UserError
from emotrack.modalities import Modality
from emotrack.model.bundle import NewPart, load_bundle, load_manifest, save_bundle
from emotrack.model.configuration import MELD_CLASSES, NetworkConfiguration
from emotrack.model.manifest import EncoderNote, PartName
from emotrack.model.network import EmotionNetwork
from emotrack.training.bundles.network import check_encoders, encoder_parts, save_network
from emotrack.training.corpora.records import CorpusRow
from emotrack.training.features.store import open_store
from emotrack.training.loop.loop import train
from emotrack.training.loop.losses import UNLABELLED
from emotrack.training.tasks.network.evaluation import (
    DialogueSet,
    calibrated,
    outcome,
    score,
    second_halves,
    shuffling_costs,
)
from emotrack.training.tasks.network.joint_fitting import choose_reliance
from emotrack.training.tasks.network.settings import NetworkTraining
from emotrack.training.tasks.network.task import NetworkData, NetworkTask, read_data, stores_of
from helpers.learning.corpora import write_store_of
from helpers.learning.lesson import KilledError, Nobody
from helpers.learning.stores import TINY, WIDTH, write_people, write_stores, write_talk

pytestmark = pytest.mark.xdist_group("network training")  # one worker trains once for all of them
SHOWN = {
    "voice": {"label": 1.0, "nothing": 0.0},
    "face": {"label": 1.0, "nothing": 0.0},
    "pictures": 1.0,
    "habitual": 0.0,
}
"""Voices and faces that always show the label."""


def training(stores: dict[str, str], out: Path, **changes: Any) -> NetworkTraining:
    chosen = {
        "network": {**TINY, "labelling": "evidence", "dropout": 0.1},
        "dialogues": 4,
        "fitting_batches": 1,
        "matching": SHOWN,
        "out": out,
    }
    optimisation = {"epochs": 6, "rate": 5e-3}
    return NetworkTraining.model_validate({**chosen, "optimisation": optimisation, **stores, **changes})


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return write_stores(tmp_path_factory.mktemp("stores"))


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A store of dialogues with sound and pictures of their own, some utterances of which have labels that
    are no class."""
    folder = tmp_path_factory.mktemp("spoken")
    labels = (*MELD_CLASSES, "hungry", None)
    return {
        "store": str(
            write_talk(folder / "talk", {"train": 8, "dev": 4}, ("text", "audio", "face", "body"), labels)
        )
    }


Fitted = tuple[EmotionNetwork, NetworkData, NetworkTraining]


@pytest.fixture(scope="module")
def learnt(stores: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Fitted:
    """A network that has seen enough."""
    folder = tmp_path_factory.mktemp("learnt")
    settings = training(stores, folder, optimisation={"epochs": 40, "rate": 2e-2})
    data, configuration = read_data(settings)
    task = NetworkTask(data, configuration, settings, 1)
    train(task, settings.optimisation, folder / "checkpoint.safetensors", Nobody())
    return task.network, data, settings


def test_the_network_is_built_for_its_stores(
    stores: dict[str, str], spoken: dict[str, str], tmp_path: Path
) -> None:
    data, configuration = read_data(training(stores, tmp_path))
    assert configuration.trained == ("text", "audio", "face")
    assert configuration.widths.text == configuration.widths.audio == configuration.widths.face == WIDTH
    assert configuration.classes == MELD_CLASSES
    assert data.pool is not None
    data, configuration = read_data(training(spoken, tmp_path))
    assert configuration.trained == ("text", "audio", "face", "body")
    assert configuration.widths.body == WIDTH
    assert data.pool is None
    assert configuration.width == TINY["width"]


def test_nothing_is_drawn_over_sound_and_pictures_of_their_own(
    stores: dict[str, str], spoken: dict[str, str], tmp_path: Path
) -> None:
    with pytest.raises(
        UserError, match="audio and face and body of their own, which drawn ones would replace"
    ):
        read_data(training({**stores, **spoken}, tmp_path))


def test_the_whole_dialogue_is_at_times_looked_ahead_to(stores: dict[str, str], tmp_path: Path) -> None:
    for revisions in (0, 2):
        settings = training(stores, tmp_path, network={**TINY, "revisions": revisions}, dialogues=1)
        data, configuration = read_data(settings)
        task = NetworkTask(data, configuration, settings, 1)
        drawn = {look_ahead for epoch in range(6) for _, _, look_ahead in task.batches(epoch)}
        assert drawn == {None, *range(1, revisions + 1)}


def test_dialogues_are_read_whole_and_in_order(spoken: dict[str, str], tmp_path: Path) -> None:
    data, _ = read_data(training(spoken, tmp_path))
    store = open_store(Path(spoken["store"]))
    for (dialogue,), rows in zip(data.train, store.dialogues("train"), strict=True):
        labels = [store.rows[row].label for row in rows]
        assert dialogue.labels.tolist() == [
            MELD_CLASSES.index(one) if one in MELD_CLASSES else UNLABELLED for one in labels
        ]
        assert dialogue.speakers.tolist() == [index % 2 for index in range(len(rows))]
        for tokens, row in zip(dialogue.tokens, rows, strict=True):
            assert tokens.keys() == {"text", "audio", "face", "body"}
            assert all(
                np.array_equal(tokens[modality], values) for modality, values in store.tokens(row).items()
            )
    assert (data.dev.labels == UNLABELLED).any()


def test_voices_and_faces_are_drawn_for_dialogues_of_text(stores: dict[str, str], tmp_path: Path) -> None:
    data, configuration = read_data(training(stores, tmp_path))
    task = NetworkTask(data, configuration, training(stores, tmp_path), 1)
    assert task.steps == 2
    for batch, masks, look_ahead in task.batches(0):
        assert batch.utterances.present[:, :3].all()
        assert not batch.utterances.present[:, 3].any()
        assert masks.shape == (len(batch.labels), 3)
        assert look_ahead is None or 1 <= look_ahead <= configuration.revisions
        heard = batch.utterances.audio.values[:, 0, :7].argmax(1)
        assert torch.equal(heard, batch.labels), "they show the label, as the settings say"


def test_an_epoch_is_a_function_of_the_seed_and_its_number(stores: dict[str, str], tmp_path: Path) -> None:
    settings = training(stores, tmp_path)
    data, configuration = read_data(settings)

    def seen(seed: int, epoch: int) -> list[Tensor]:
        task = NetworkTask(data, configuration, settings, seed)
        return [
            tensor
            for batch, masks, look_ahead in task.batches(epoch)
            for tensor in (
                batch.utterances.audio.values,
                batch.utterances.face.values,
                batch.labels,
                masks,
                torch.tensor(-1 if look_ahead is None else look_ahead),
            )
        ]

    def alike(one: list[Tensor], other: list[Tensor]) -> bool:
        return all(torch.equal(first, second) for first, second in zip(one, other, strict=True))

    assert alike(seen(1, 2), seen(1, 2))
    assert not alike(seen(1, 2), seen(1, 3))
    assert not alike(seen(1, 2), seen(2, 2))
    assert len({NetworkTask(data, configuration, settings, seed).fingerprint for seed in (1, 2)}) == 2


@pytest.mark.parametrize("average", [0.0, 0.9])
def test_killed_and_gone_on_with_it_is_the_same_network(
    stores: dict[str, str], tmp_path: Path, average: float
) -> None:
    settings = training(stores, tmp_path, optimisation={"epochs": 3, "rate": 5e-3, "average": average})
    data, configuration = read_data(settings)

    def trained(name: str, *kills: int) -> dict[str, Tensor]:
        for left in kills:
            with pytest.raises(KilledError):
                train(
                    NetworkTask(data, configuration, settings, 1),
                    settings.optimisation,
                    tmp_path / name,
                    Nobody(left),
                )
        task = NetworkTask(data, configuration, settings, 1)
        train(task, settings.optimisation, tmp_path / name, Nobody())
        return task.network.state_dict()

    whole, parted = trained("whole.safetensors"), trained("parted.safetensors", 3, 3)
    assert whole.keys() == parted.keys()
    assert all(torch.equal(whole[name], parted[name]) for name in whole)
    assert whole["joint.fitted"].any()


def test_it_learns_and_every_mode_counts(learnt: Fitted) -> None:
    network, data, _ = learnt
    assert score(network, data.dev, ["text"]) > 60
    assert score(network, data.dev, ["audio"]) > 25, "one in seven is chance"
    costs = shuffling_costs(network, data.dev, ("text", "audio", "face"))
    assert set(costs) == {"text", "audio", "face"}
    assert any(cost > 0 for cost in costs.values())
    assert network.joint.fitted.all()


def test_shuffling_a_modality_that_is_not_used_costs_nothing(learnt: Fitted) -> None:
    network, data, _ = learnt
    plain, mixed = (
        outcome(network, data.dev, ["text"]),
        outcome(network, data.dev, ["text"], shuffled="audio"),
    )
    assert torch.equal(plain.live, mixed.live)


def test_the_scored_and_the_trained_network_are_both_fitted(stores: dict[str, str], tmp_path: Path) -> None:
    settings = training(stores, tmp_path)
    data, configuration = read_data(settings)
    task, other = NetworkTask(data, configuration, settings, 1), NetworkTask(data, configuration, settings, 2)
    task.network.train()
    task.settle(other.network, 0)
    assert task.network.joint.fitted.all() and other.network.joint.fitted.all()
    assert task.network.training


def test_the_score_is_of_text_alone_and_of_everything(
    stores: dict[str, str], spoken: dict[str, str], tmp_path: Path
) -> None:
    for given, views in (
        (stores, {"text", "all"}),
        (spoken, {"text", "all"}),
        ({"store": stores["store"]}, {"text"}),
    ):
        settings = training(given, tmp_path)
        data, configuration = read_data(settings)
        task = NetworkTask(data, configuration, settings, 1)
        figures = dict(task.score(task.network.eval()))
        assert figures.pop("score") == pytest.approx(np.mean(list(figures.values())))
        assert figures.keys() == views


def test_the_bundle_says_what_it_was_trained_on(learnt: Fitted, tmp_path: Path) -> None:
    network, data, settings = learnt
    identifier = save_network(tmp_path / "bundle", network, data, settings, {"seed": 1})
    bundle = load_bundle(tmp_path / "bundle")
    assert bundle.identifier == identifier
    metrics = bundle.metrics
    costs = metrics["dev"]["weighted_f1_lost_when_shuffled"]
    assert (
        bundle.configuration.trained
        == tuple(modality for modality, cost in costs.items() if cost > 0)
        == tuple(metrics["trained"])
    )
    assert (
        list(bundle.configuration.temperatures) == metrics["dev"]["temperatures"]
        and min(bundle.configuration.temperatures) > 0
    )
    assert metrics["training"] == {"network": {"seed": 1}}
    assert metrics["matching"]["voice"] == SHOWN["voice"]
    assert {modality: note.name for modality, note in bundle.encoders["embedded"].items()} == dict.fromkeys(
        ("text", "audio", "face"), "test"
    )
    held = data.dev
    mine = outcome(network, held, bundle.configuration.trained).live
    assert torch.equal(outcome(bundle.network, held, bundle.configuration.trained).live, mine)


def test_modalities_that_are_noise_are_masked(tmp_path: Path) -> None:
    """Faces of one class for everybody tell nothing, so they may not be used."""
    stores = {"store": str(write_talk(tmp_path / "talk", {"train": 8, "dev": 4}))}
    stores["voices"] = str(write_people(tmp_path / "voices", "ravdess", "audio"))
    stores["faces"] = str(write_people(tmp_path / "faces", "ferplus", "face"))
    blank = {"voice": SHOWN["voice"], "face": {"label": 0.0, "nothing": 1.0}, "pictures": 0.0}
    settings = training(stores, tmp_path, matching=blank, optimisation={"epochs": 10, "rate": 2e-2})
    data, configuration = read_data(settings)
    task = NetworkTask(data, configuration, settings, 1)
    train(task, settings.optimisation, tmp_path / "checkpoint.safetensors", Nobody())
    save_network(tmp_path / "bundle", task.network, data, settings, {})
    bundle = load_bundle(tmp_path / "bundle")
    assert "face" not in bundle.configuration.trained
    assert bundle.configuration.trained


def test_a_session_that_is_held_out_is_not_learnt_from(tmp_path: Path) -> None:
    rows = [
        CorpusRow(
            f"{session}{number}",
            f"Ses{session:02}F_impro{number:02}",
            0,
            "train",
            "F",
            label=MELD_CLASSES[session],
        )
        for session in range(1, 6)
        for number in range(10)
    ]
    tokens: list[dict[Modality, np.ndarray]] = [{"text": np.ones((1, WIDTH), np.float32)} for _ in rows]
    store = write_store_of(tmp_path / "store", rows, tokens, MELD_CLASSES, corpus="iemocap")
    for session in (1, 4):
        data, _ = read_data(training({"store": str(store)}, tmp_path, held_out=session))
        learnt = {int(label) for dialogue, *_ in data.train for label in dialogue.labels}
        assert learnt == {1, 2, 3, 4, 5} - {session}
        assert len(data.train) == 36


def test_dialogues_are_learnt_from_as_written_and_as_heard(stores: dict[str, str], tmp_path: Path) -> None:
    """Half of the draws are of the copies; dev is scored and calibrated by both."""
    heard = write_talk(tmp_path / "talk", {"train": 8, "dev": 4}, copies=2)
    settings = training({**stores, "store": str(heard)}, tmp_path)
    data, configuration = read_data(settings)
    assert [len(versions) for versions in data.train] == [3] * 8 and len(data.heard) == 2
    assert len(data.every_dev.labels) == 3 * len(data.dev.labels)
    for written, *copies in data.train:
        assert all(np.array_equal(one.labels, written.labels) for one in copies)
    task = NetworkTask(data, configuration, settings, 1)
    marks = torch.cat(
        [batch.utterances.text.values[:, 0, -1] for epoch in range(20) for batch, _, _ in task.batches(epoch)]
    )
    shares = [((marks - version * 10).abs() < 3).float().mean().item() for version in range(3)]
    assert shares == pytest.approx([0.5, 0.25, 0.25], abs=0.1)
    scores = task.score(task.network)
    assert scores["score"] == pytest.approx(np.mean([scores["text"], scores["heard"], scores["all"]]))


def test_further_corpora_are_learnt_for_their_words(stores: dict[str, str], tmp_path: Path) -> None:
    """Some of their dialogues are in every batch, under the main store's names."""
    main = write_rows(tmp_path / "main", [("train", "a", "joy"), ("dev", "b", "anger")], MELD_CLASSES)
    others = [("train", f"x{n}", label) for n, label in enumerate(("joyful", "mad", "peaceful", "sad"))]
    comments = write_rows(
        tmp_path / "comments", [*others, ("dev", "d", "joyful")], ("joyful", "mad", "peaceful", "sad")
    )
    further = [{"store": str(comments), "dialogues": 2}]
    settings = training({**stores, "store": str(main)}, tmp_path, further=further)
    data, configuration = read_data(settings)
    (found,) = data.further
    assert [MELD_CLASSES[label] for label in found.labels] == ["joy", "anger", "sadness"], (
        "peaceful has no counterpart"
    )
    task = NetworkTask(data, configuration, settings, 1)
    for epoch in range(3):
        for batch, _, _ in task.batches(epoch):
            assert batch.corpora.tolist() == [0, 1, 1] and len(set(batch.labels[1:].tolist())) == 2
            assert all(
                torch.isfinite(term)
                for term in task.losses((batch, torch.ones(3, 3, dtype=torch.bool), None)).values()
            )
    scores = task.score(task.network)
    assert scores["score"] == pytest.approx(np.mean([scores["text"], scores["elsewhere"], scores["all"]]))
    assert {one.path for one in stores_of(settings)} >= {main, comments}
    nothing = write_rows(
        tmp_path / "nothing", [("train", "a", "joyful"), ("dev", "b", "peaceful")], ("joyful", "peaceful")
    )
    for wrong, sentence in (
        (nothing, r"nothing has nothing in its split dev that is named as in the main one's: leave it out"),
        (
            Path(stores["voices"]),
            r"were not described by the text encoder of .*main: make both with the same",
        ),
    ):
        with pytest.raises(UserError, match=sentence):
            read_data(training({**stores, "store": str(main)}, tmp_path, further=[{"store": str(wrong)}]))
    with pytest.raises(ValueError, match=r"set objective.smoothing to 0 beside further"):
        training(stores, tmp_path, further=further, objective={"smoothing": 0.1})


def write_rows(path: Path, lines: list[tuple[str, str, str]], classes: tuple[str, ...]) -> Path:
    """A store of dialogues of one line: split, words and label."""
    random = np.random.default_rng(0)
    rows = [
        CorpusRow(f"{n}", f"{n}", 0, split, "x", text, label) for n, (split, text, label) in enumerate(lines)
    ]
    tokens: list[dict[Modality, np.ndarray]] = [
        {"text": random.normal(size=(2, WIDTH)).astype(np.float32)} for _ in rows
    ]
    return write_store_of(path, rows, tokens, classes)


def test_what_is_shown_is_calibrated_by_what_is_shown(learnt: Fitted) -> None:
    """The temperature of labels without words fits people who show what is true, and no other's does."""
    network, data, _ = learnt

    def mislabelled(held: DialogueSet) -> DialogueSet:
        return DialogueSet(
            tuple(replace(one, labels=(one.labels + 1) % len(MELD_CLASSES)) for one in held.batches)
        )

    right = calibrated(network, data.dev, data.shown).temperatures
    for held, shown, wrong in (
        (mislabelled(data.dev), data.shown, {0, 1, 3, 5, 7}),
        (data.dev, mislabelled(data.shown), {2, 4, 6}),
    ):
        fitted = calibrated(network, held, shown).temperatures
        doubted = {
            number
            for number, (one, other) in enumerate(zip(right, fitted, strict=True))
            if other > 1.05 * one
        }
        assert doubted and doubted <= wrong


def test_modalities_that_go_missing_half_through(learnt: Fitted) -> None:
    """What comes after the middle counts, and is as if the modalities had been masked there; before it
    nothing changes."""
    assert second_halves((1, 2, 5)).tolist() == [False, False, True, False, False, False, True, True]
    network, data, _ = learnt
    lefts: tuple[tuple[Modality, ...], ...] = (("text", "audio", "face"), ("audio",))
    whole, gone = (outcome(network, data.dev, left, halfway=True) for left in lefts)
    late = torch.cat([second_halves(batch.lengths) for batch in data.dev.batches])
    assert torch.equal(whole.labels, data.dev.labels[late]) and torch.equal(gone.labels, whole.labels)
    assert torch.equal(whole.live, outcome(network, data.dev, ("text", "audio", "face")).live[late])
    assert gone.modes.tolist() == [[False, True, False]] * len(gone.labels) and not torch.equal(
        gone.live, whole.live
    )


Change = Callable[[Path, dict[str, str]], dict[str, Any]]
WRONG: dict[str, tuple[Change, str]] = {
    "no such store": (lambda folder, stores: {"store": str(folder / "nowhere")}, "holds no store"),
    "voices without faces": (lambda folder, stores: {"voices": stores["voices"]}, "set both, or neither"),
    "no dialogues to learn from": (
        lambda folder, stores: {"store": str(write_talk(folder / "t", {"dev": 2}))},
        "split train",
    ),
    "no dialogues to choose by": (
        lambda folder, stores: {"store": str(write_talk(folder / "t", {"train": 2}))},
        "split dev",
    ),
    "no labels": (
        lambda folder, stores: {
            "store": str(write_talk(folder / "t", {"train": 2, "dev": 2}, labels=[None]))
        },
        "split train",
    ),
    "voices that are faces": (
        lambda folder, stores: {"voices": stores["faces"], "faces": stores["faces"]},
        "no voice of neutral",
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_stores_that_nothing_can_be_learnt_from_are_one_sentence(
    stores: dict[str, str], tmp_path: Path, wrong: str
) -> None:
    change, sentence = WRONG[wrong]
    with pytest.raises(UserError, match=sentence) as refusal:
        read_data(training({"store": stores["store"]}, tmp_path, **change(tmp_path, stores)))
    assert str(refusal.value).endswith(".") and "\n" not in str(refusal.value)


Described = dict[Modality, tuple[str, str | None]]
"""By modality, the name of its encoder and the SHA-256 of the weights."""


@pytest.fixture(scope="module")
def encoders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of a voice, a face and an adapter for the sentence encoder `MiniLM`."""
    folder = tmp_path_factory.mktemp("encoders")
    parts: dict[PartName, NewPart] = {
        "voice": NewPart({"weight": torch.ones(1)}, "free", "nothing"),
        "face": NewPart({"weight": torch.ones(2)}, "free", "nothing"),
        "text": NewPart({"weight": torch.ones(3)}, "free", "nothing", {"base": "MiniLM"}),
    }
    save_bundle(folder, parts, configuration=None, encoders={}, metrics={})
    return folder


def test_stores_go_with_the_bundle_of_their_encoders(encoders: Path, tmp_path: Path) -> None:
    hashes = {name: part.sha256 for name, part in load_manifest(encoders)[1].items()}
    right: Described = {
        "text": ("MiniLM", hashes["text"]),
        "audio": ("voice", hashes["voice"]),
        "face": ("face", hashes["face"]),
    }
    others: Described = {
        "audio": ("passt", "a" * 64),
        "body": ("persons.onnx", "b" * 64),
        "text": ("mpnet", None),
    }

    def checked(name: str, described: Described, bundle: Path | None) -> None:
        path = tmp_path / name
        if not path.exists():
            write_talk(path, {"train": 1, "dev": 1}, tuple(described), encoders=described)
        check_encoders(training({"store": str(path)}, tmp_path, encoders=bundle))

    checked("right", right, encoders)
    checked("others", others, encoders)
    checked("others", others, None)
    wrong: dict[str, Described] = {
        "other": {**right, "audio": ("voice", "0" * 64)},
        "plain": {**right, "text": ("MiniLM", None)},
        "adapted": {**right, "text": ("mpnet", "0" * 64)},
    }
    for name, described in wrong.items():
        with pytest.raises(UserError, match="encoders"):
            checked(name, described, encoders)
    with pytest.raises(UserError, match="emotrack features --bundle"):
        checked("right", right, None)
    with pytest.raises(UserError, match=r"There is no bundle .*nowhere \(`encoders`\): make it"):
        checked("right", right, tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("model", "travel"), [("MiniLM", {"text", "voice", "face"}), ("mpnet", {"voice", "face"})]
)
def test_an_adapter_travels_only_with_its_own_text_model(
    encoders: Path, tmp_path: Path, model: str, travel: set[str]
) -> None:
    settings = training({"store": "stores/meld"}, tmp_path, encoders=encoders)
    parts, _ = encoder_parts(settings, {"text": EncoderNote(name=model, width=384)})
    assert parts.keys() == travel


def test_other_configurations_learn_as_well(stores: dict[str, str], tmp_path: Path) -> None:
    """The ablations of the papers: no multimodal attention, equal weights, and each term of the objective
    switched off."""
    for number, changes in enumerate(
        (
            {"network": {**TINY, "layers": 0}},
            {"network": {**TINY, "fusion": "equal"}},
            {"network": {**TINY, "memory": True}},
            {"objective": {"nce": 0, "joint": 0}},
            {"objective": {"live": 1, "revised": 0, "focal": 0, "nce": 0, "joint": 0}},
        )
    ):
        settings = training(stores, tmp_path, **changes, optimisation={"epochs": 1, "rate": 1e-3})
        data, configuration = read_data(settings)
        task = NetworkTask(data, configuration, settings, 1)
        progress = train(task, settings.optimisation, tmp_path / f"{number}.safetensors", Nobody())
        switched_off = {
            name
            for name, weight in settings.objective
            if name in ("nce", "joint", "revised", "focal") and not weight
        }
        assert not switched_off & progress.losses[0].keys()
        assert isinstance(configuration, NetworkConfiguration)


def test_the_joint_embedding_stays_where_it_helps_on_dev(learnt: Fitted) -> None:
    network, data, _ = deepcopy(learnt)
    with torch.no_grad():
        network.joint.raw_reliance.fill_(0.9)
    views: list[tuple[Modality, ...]] = [
        ("text",),
        ("audio",),
        ("face",),
        ("text", "audio"),
        ("text", "face"),
        ("audio", "face"),
    ]
    before = {view: score(network, data.dev, view, absent="joint") for view in views}
    masked = {view: score(network, data.dev, view, absent="masked") for view in views}
    choose_reliance(network, data.dev)
    after = {view: score(network, data.dev, view, absent="joint") for view in views}
    assert after == {view: max(before[view], masked[view]) for view in views}
    assert network.joint.raw_reliance.unique().tolist() in ([0.0], [0.9], [0.0, pytest.approx(0.9)])
