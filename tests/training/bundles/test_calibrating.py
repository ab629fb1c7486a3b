"""`emotrack calibrate`: how sure a bundle is comes to fit labelled utterances of one's own, and its labels
stay as they are."""

from pathlib import Path

import numpy as np
import pytest
import torch

from emotrack.engines.heads import reviser_spec, step_spec, utterance_spec
from emotrack.errors import UserError
from emotrack.modalities import Modality
from emotrack.model.bundle import load_bundle, load_manifest
from emotrack.model.configuration import MELD_CLASSES
from emotrack.training.bundles.calibration import LEAST, calibrate
from emotrack.training.corpora.records import CorpusRow
from emotrack.training.evaluation.records import metrics_of
from emotrack.training.features.store import open_store
from emotrack.training.tasks.network.data import read_dialogues
from emotrack.training.tasks.network.evaluation import DialogueSet, outcome
from helpers.learning import figures
from helpers.learning.corpora import write_store_of
from helpers.networks.small import save_small_bundle
from helpers.sessions.commands import emotrack

WIDTHS: dict[Modality, int] = {"text": 6, "audio": 5}
MODALITIES: tuple[Modality, ...] = ("text", "audio")
DIALOGUE = 10
"""Utterances of one."""


def store_of(
    path: Path, labels: dict[str, list[int]], silent: bool = False, widths: dict[Modality, int] = WIDTHS
) -> Path:
    """Random utterances with these labels by split, in dialogues; without sound where `silent`."""
    random = np.random.default_rng(0)
    rows, tokens = [], []
    for split, numbers in labels.items():
        for index, number in enumerate(numbers):
            dialogue = f"{split} {index // DIALOGUE}"
            rows.append(
                CorpusRow(
                    f"{split}_{index}",
                    dialogue,
                    index % DIALOGUE,
                    split,
                    str(index % 2),
                    label=MELD_CLASSES[number],
                )
            )
            modalities = MODALITIES[:1] if silent else MODALITIES
            tokens.append(
                {name: random.normal(size=(2, widths[name])).astype(np.float32) for name in modalities}
            )
    return write_store_of(path, rows, tokens, MELD_CLASSES, corpus="clips")


def logits_of(bundle: Path, store: Path, split: str) -> torch.Tensor:
    network = load_bundle(bundle).network
    held = DialogueSet.draw(read_dialogues(open_store(store), split), None, network.configuration.widths, 0)
    return outcome(network, held, MODALITIES).live


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    save_small_bundle(tmp_path / "bundle", trained=MODALITIES)
    return tmp_path / "bundle"


def test_the_temperature_that_labels_were_drawn_at_is_found(bundle: Path, tmp_path: Path) -> None:
    count, true = 1500, 0.25
    logits = logits_of(bundle, store_of(tmp_path / "blank", {"dev": [0] * count}), "dev")
    drawn = torch.multinomial(
        torch.softmax(logits.double() / true, -1), 1, generator=torch.Generator().manual_seed(0)
    )
    store = store_of(tmp_path / "store", {"dev": drawn[:, 0].tolist()})
    _, fits = calibrate(bundle, open_store(store), tmp_path / "new")
    (both,) = [fit for fit in fits if fit.modes == "text+audio"]
    assert (both.utterances, both.judged, both.errors) == (count, 0, None)
    assert both.temperatures is not None and both.temperatures[1] == pytest.approx(true, rel=0.2)


def test_nothing_but_the_confidence_changes(bundle: Path, tmp_path: Path) -> None:
    store = store_of(tmp_path / "store", {"dev": [0, 1, 2] * 40, "test": [0, 1] * 10})
    identifier, fits = calibrate(bundle, open_store(store), tmp_path / "new")
    before, after = load_bundle(bundle), load_bundle(tmp_path / "new")
    assert after.identifier == identifier != before.identifier
    assert before.parts.keys() == after.parts.keys()
    assert all(before.parts[name].sha256 == after.parts[name].sha256 for name in before.parts)
    changed = after.configuration.model_copy(update={"temperatures": before.configuration.temperatures})
    assert changed == before.configuration
    assert {fit.modes for fit in fits} == {"text", "audio", "text+audio"}
    assert all(fit.judged == 20 and fit.errors is not None for fit in fits)
    kept, fitted = before.configuration.temperatures, after.configuration.temperatures
    assert [number for number, (one, other) in enumerate(zip(kept, fitted, strict=True)) if one != other] == [
        1,
        2,
        3,
    ]


def test_modes_that_too_few_utterances_have_keep_their_temperature(bundle: Path, tmp_path: Path) -> None:
    store = store_of(tmp_path / "store", {"dev": [0, 1] * LEAST}, silent=True)
    _, fits = calibrate(bundle, open_store(store), tmp_path / "new")
    assert [fit.modes for fit in fits if fit.temperatures is not None] == ["text"]
    assert [(fit.modes, fit.utterances) for fit in fits if fit.temperatures is None] == [
        ("audio", 0),
        ("text+audio", 0),
    ]
    kept, fitted = (load_bundle(one).configuration.temperatures for one in (bundle, tmp_path / "new"))
    assert [number for number, (one, other) in enumerate(zip(kept, fitted, strict=True)) if one != other] == [
        1
    ]


def test_a_bundle_tells_what_it_was_calibrated_on_and_keeps_no_figures_of_another_confidence(
    bundle: Path, tmp_path: Path
) -> None:
    store = open_store(store_of(tmp_path / "store", {"dev": [0, 1] * LEAST}))
    calibrate(bundle, store, tmp_path / "new")
    metrics = load_manifest(tmp_path / "new")[0].metrics
    assert metrics["calibrated_on"]["store"] == store.manifest.key
    assert metrics_of({**figures.metrics(), "calibrated_on": metrics["calibrated_on"]}, "new") is not None
    assert not metrics.keys() & {"seeds", "mosi", "encoders"}


def test_a_calibrated_bundle_runs_with_the_engines_that_there_are(bundle: Path, tmp_path: Path) -> None:
    calibrate(bundle, open_store(store_of(tmp_path / "store", {"dev": [0, 1] * LEAST})), tmp_path / "new")
    before, after = load_bundle(bundle), load_bundle(tmp_path / "new")
    for spec in (utterance_spec, step_spec, reviser_spec):
        assert spec(before).definition.given() == spec(after).definition.given()


def test_too_few_labels_are_refused(bundle: Path, tmp_path: Path) -> None:
    for name, labels in (("few", {"dev": [0] * (LEAST - 1)}), ("none", {"train": [0] * LEAST})):
        with pytest.raises(
            UserError, match=rf"^{LEAST} utterances .* has {len(labels.get('dev', ()))}: label more"
        ):
            calibrate(bundle, open_store(store_of(tmp_path / name, labels)), tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_store_of_other_encoders_is_refused(bundle: Path, tmp_path: Path) -> None:
    store = store_of(tmp_path / "store", {"dev": [0] * LEAST}, widths={"text": 7, "audio": 5})
    with pytest.raises(UserError, match=r"text .*7.* 6"):
        calibrate(bundle, open_store(store), tmp_path / "new")


def test_the_bundle_that_is_read_is_not_overwritten(bundle: Path, tmp_path: Path) -> None:
    store = open_store(store_of(tmp_path / "store", {"dev": [0] * LEAST}))
    with pytest.raises(UserError, match="another folder"):
        calibrate(bundle, store, bundle)


def test_the_command_prints_what_was_fitted(
    bundle: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = store_of(tmp_path / "store", {"dev": [0, 1] * LEAST, "test": [0] * 20})
    out = tmp_path / "new"
    found = emotrack(capfd, monkeypatch, "calibrate", str(store), "--bundle", str(bundle), "--out", str(out))
    assert found.code == 0, found
    assert "| text+audio | 100 | 1.00 → " in found.out
    assert f"--set bundle={out}" in found.sentences[-1]
