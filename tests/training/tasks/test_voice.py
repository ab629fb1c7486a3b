"""The voice network's own part learns, from the same seed the same, on a handful of sounds; how those are
made ready."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import nn

from emotrack.errors import UserError
from emotrack.model.formats import VOICE_EMOTIONS
from emotrack.model.modules.voice import VoiceTop
from emotrack.training.corpora.ravdess import ACTORS
from emotrack.training.features.sound import BLOCK, disturb, telephone, trim
from emotrack.training.loop.loop import train
from emotrack.training.settings import Optimisation
from emotrack.training.tasks.voice import (
    AROUSAL,
    FOLDS,
    Speech,
    VoiceTask,
    VoiceTraining,
    arousal_of,
    voice_recall,
)
from emotrack.training.tasks.voice_base import Pooled
from helpers.learning.corpora import RATE, tone, write_ravdess, write_spoken, write_wav
from helpers.learning.lesson import Nobody
from helpers.networks.whisper import build_tiny_whisper

READERS = 24


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Settings that name RAVDESS in small, a table of other speech, and the tiny Whisper."""
    folder = tmp_path_factory.mktemp("voices")
    write_ravdess(folder / "ravdess", range(1, 3))
    write_ravdess(folder / "ravdess", range(19, 20))
    emotions = ("neutral", "happy", "angry")
    polish = [
        ("nEMO", speaker, emotion) for speaker in ("nemo_KS0", "nemo_MP0", "nemo_IC0") for emotion in emotions
    ]
    readers = [("LibriSpeech", f"libri_{number}", "neutral") for number in range(READERS)]
    return {
        "clips": folder / "ravdess",
        "table": write_spoken(folder / "table", [*polish, *readers]),
        "base": str(build_tiny_whisper(folder)),
        "heard": folder / "heard",
        "layers": 1,
        "out": folder / "runs",
        "batch": 16,
    }


def settings(data: Mapping[str, Any], **other: Any) -> VoiceTraining:
    optimisation = {"epochs": 2, "rate": 2e-3, "keep": "best" if other.get("fold") is None else "last"}
    chosen = {
        "corpora": {"ravdess": 1, "nemo": 0, "ordinary": 1},
        "optimisation": optimisation,
        **data,
        **other,
    }
    return VoiceTraining.model_validate(chosen)


def trained(data: Mapping[str, Any], folder: Path, seed: int = 1, epochs: int = 2) -> VoiceTop:
    chosen = settings(data, optimisation=Optimisation(epochs=epochs, rate=2e-3))
    task = VoiceTask(chosen, seed, "cpu")
    train(task, chosen.optimisation, folder / "checkpoint.safetensors", Nobody())
    return task.network.top


def same(one: nn.Module, other: nn.Module) -> bool:
    mine, theirs = one.state_dict(), other.state_dict()
    return all(torch.equal(mine[name], theirs[name]) for name in mine)


def test_training_lowers_the_loss_on_what_was_heard(data: dict[str, Any], tmp_path: Path) -> None:
    task = VoiceTask(settings(data), 1, "cpu")
    batch = next(task.batches(0))
    task.network.eval()

    def loss(top: VoiceTop) -> float:
        task.network.top = top.eval()
        return sum(one.item() for one in task.losses(batch).values())

    before = loss(task.network.top)
    assert loss(trained(data, tmp_path, epochs=20)) < before


def test_only_our_own_part_is_trained_and_kept(data: dict[str, Any]) -> None:
    task = VoiceTask(settings(data), 1, "cpu")
    assert not [name for name, one in task.network.encoder.named_parameters() if one.requires_grad]
    assert task.tensors().keys() == task.network.top.state_dict().keys()
    assert task.notes()["base"] == data["base"] and task.notes()["layers"] == 1


def test_the_same_seed_gives_the_same_network(data: dict[str, Any], tmp_path: Path) -> None:
    one, two, other = (trained(data, tmp_path / str(run), seed) for run, seed in enumerate((1, 1, 2)))
    assert same(one, two)
    assert not same(one, other)


def test_what_is_heard_once_is_not_heard_again(
    data: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = {**data, "heard": tmp_path / "heard"}
    first = VoiceTask(settings(moved), 1, "cpu")
    monkeypatch.setattr("emotrack.training.tasks.voice_base.hear_acted", pytest.fail)
    again = VoiceTask(settings(moved, fold=1), 2, "cpu")
    assert first.network.encoder.outputs == again.network.encoder.outputs


def test_batches_are_a_function_of_the_epoch_and_half_ordinary(data: dict[str, Any]) -> None:
    task = VoiceTask(settings(data, smoothing=0.0), 1, "cpu")
    first, again, later = (list(task.batches(epoch)) for epoch in (0, 0, 1))
    assert len(first) == task.steps > 1
    assert all(torch.equal(one[0], two[0]) for one, two in zip(first, again, strict=True))
    assert not torch.equal(first[0][0], later[0][0])
    values, shares, arousals = first[0]
    assert values.shape == (16, task.network.encoder.outputs)
    assert (shares[8:].argmax(1) == VOICE_EMOTIONS.index("neutral")).all() and not arousals[8:].any()
    acted = torch.cat([one[1][:8].argmax(1) for epoch in range(40) for one in task.batches(epoch)])
    joy = (acted == VOICE_EMOTIONS.index("joy")).float().mean()
    assert abs(joy - (1 / 8 + 1 / 3) / 2) < 0.06, "the two corpora alike, and in each its emotions"


def test_without_a_table_ravdess_alone_is_learnt_from(data: dict[str, Any]) -> None:
    task = VoiceTask(settings(data, table=None), 1, "cpu")
    values, _, arousals = next(task.batches(0))
    assert len(values) == 16 and arousals.any()
    assert task.score(task.network).keys() == {"score"}
    assert VoiceTask(settings(data), 1, "cpu").score(task.network).keys() == {"score", "nemo", "ordinary"}


def test_clips_that_nothing_can_be_learnt_from_are_one_sentence(data: dict[str, Any], tmp_path: Path) -> None:
    alone = {**data, "table": None, "heard": tmp_path / "heard"}
    write_ravdess(tmp_path / "few", range(15, 17))
    with pytest.raises(
        UserError, match=r"few holds no clip of ravdess by any of 1, 2, 3, .*: give the whole of it\.$"
    ):
        VoiceTask(settings({**alone, "clips": tmp_path / "few"}), 1, "cpu")
    for name, samples in (
        ("silent", np.zeros(RATE)),
        ("short", np.ones(BLOCK // 2)),
        ("end", np.eye(1, 2 * BLOCK - 1, 2 * BLOCK - 2)[0]),
    ):
        write_wav(tmp_path / name / "03-01-05-01-01-01-01.wav", samples)
        with pytest.raises(
            UserError, match=r"01\.wav cannot be learnt from, there is nothing to be heard in it"
        ):
            VoiceTask(settings({**alone, "clips": tmp_path / name}), 1, "cpu")
    (next((data["table"] / "clips").glob("libri_0_*")).rename(tmp_path / "gone.wav"))
    try:
        with pytest.raises(UserError, match="The clip libri_0_9 is missing: give the whole corpus"):
            VoiceTask(settings(data), 1, "cpu")
    finally:
        (tmp_path / "gone.wav").rename(data["table"] / "clips" / "libri_0_9.wav")


def test_folds_leave_each_actor_out_once(data: dict[str, Any]) -> None:
    assert sorted(actor for fold in FOLDS for actor in fold) == list(range(1, 25))
    for number, fold in enumerate(FOLDS, start=1):
        women = sum(actor % 2 == 0 for actor in fold)
        assert abs(len(fold) - 2 * women) <= 1
        learn, judged = settings(data, fold=number).actors()
        assert sorted([*learn, *judged]) == list(range(1, 25))
        assert set(judged) == set(fold)
    assert settings(data).actors() == (ACTORS["train"], ACTORS["dev"])


def test_the_actors_of_a_fold_choose_no_epoch(data: dict[str, Any]) -> None:
    folded = settings(data, fold=5)  # actor 1 is left out, 2 and 19 are learnt from
    assert VoiceTask(folded, 1, "cpu").steps >= 2
    with pytest.raises(ValidationError, match=r"may choose no epoch: set optimisation\.keep to last"):
        VoiceTraining.model_validate(folded.model_dump() | {"optimisation": Optimisation()})
    with pytest.raises(ValidationError, match="leave ravdess among corpora"):
        settings(data, corpora={"nemo": 1})


def test_a_clip_is_named_by_the_mean_of_its_segments() -> None:
    class Known(VoiceTop):
        """Names the emotion whose place is the segment's number."""

        def forward(self, pooled: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
            return (
                torch.zeros(len(pooled), 1),
                9 * torch.eye(8)[pooled[:, 0].long()],
                torch.zeros(len(pooled), 1),
            )

    values = torch.tensor([[1.0], [1.0], [4.0], [4.0], [1.0]]).half()
    pooled = Pooled(values, np.array([3, 3, 3, 5, 7]))
    assert voice_recall(Known(1), Speech(pooled, np.array([1, 1, 1, 4, 1]), np.zeros(5, np.float32))) == 1.0
    neutral = Speech(pooled, np.array([0, 0, 0, 4, 0]), np.zeros(5, np.float32))
    assert voice_recall(Known(1), neutral) == 1.0, "calm counts as neutral where nobody is calm"


def test_arousal_follows_the_emotion_and_how_strongly_it_is_acted(data: dict[str, Any]) -> None:
    normal = next(one for one in settings(data).clips_of("ravdess") if one.row.label == "anger")
    assert 0 < arousal_of("ravdess", normal) < arousal_of("nemo", normal) == AROUSAL["anger"]
    assert AROUSAL.keys() == set(VOICE_EMOTIONS) and AROUSAL["sadness"] < AROUSAL["neutral"] == 0


def test_silence_around_speech_is_trimmed() -> None:
    silence = np.zeros(32 * BLOCK, np.float32)
    speech = tone(0, 1.0)
    trimmed = trim(np.concatenate([silence, speech, silence]))
    assert len(trimmed) == pytest.approx(len(speech) + 10 * BLOCK, abs=2 * BLOCK)


@pytest.mark.parametrize("seed", range(8))
def test_disturbed_speech_is_finite_float32(seed: int) -> None:
    disturbed = disturb(tone(1, 1.2), np.random.default_rng(seed))
    assert disturbed.dtype == np.float32
    assert np.isfinite(disturbed).all()
    assert len(disturbed) > 8_000


def test_a_telephone_lets_through_only_the_middle() -> None:
    times = np.arange(RATE) / RATE
    low, middle, high = (np.std(telephone(np.sin(2 * np.pi * pitch * times))) for pitch in (60, 1_000, 6_000))
    assert middle > 0.6 and low < 0.05 and high < 0.05
    assert np.isfinite(telephone(np.zeros(RATE))).all()
