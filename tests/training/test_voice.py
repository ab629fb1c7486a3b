"""The voice network learns, from the same seed the same, on a handful of sounds; how those are made ready."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import nn

from emotrack.model.errors import UserError
from emotrack.model.voice import VoiceNetwork
from emotrack.training.corpora.ravdess import ACTORS
from emotrack.training.loop import train
from emotrack.training.losses import soft_cross_entropy
from emotrack.training.settings import Optimisation
from emotrack.training.speech import BLOCK, disturb, trim
from emotrack.training.voice import (
    FOLDS,
    Speech,
    VoiceTask,
    VoiceTraining,
    hide,
    voice_outputs,
    voice_predictions,
    voice_recall,
)
from helpers.corpora import RATE, tone, write_ravdess, write_wav


class Nobody:
    """Watches nothing."""

    def began(self, epochs: int, steps: int, done: int) -> None: ...

    def stepped(self) -> None: ...

    def scored(self, epoch: int, losses: Mapping[str, float], scores: Mapping[str, float]) -> None: ...


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ravdess")
    write_ravdess(folder, range(1, 3))
    write_ravdess(folder, range(19, 20))
    return folder


def settings(clips: Path, epochs: int = 2, fold: int | None = None) -> VoiceTraining:
    optimisation = Optimisation(epochs=epochs, rate=2e-3, keep="best" if fold is None else "last")
    return VoiceTraining(out=clips / "runs", clips=clips, batch=8, fold=fold, optimisation=optimisation)


def trained(clips: Path, folder: Path, seed: int = 1, epochs: int = 2) -> VoiceNetwork:
    chosen = settings(clips, epochs)
    task = VoiceTask(chosen, seed, "cpu")
    train(task, chosen.optimisation, folder / "checkpoint.safetensors", Nobody())
    return task.network


def same(one: nn.Module, other: nn.Module) -> bool:
    mine, theirs = one.state_dict(), other.state_dict()
    return all(torch.equal(mine[name], theirs[name]) for name in mine)


def test_training_lowers_the_loss_on_what_was_heard(clips: Path, tmp_path: Path) -> None:
    sounds = [tone(emotion, seed=actor) for actor in (1, 2) for emotion in range(8)]
    targets = torch.eye(8).repeat(2, 1)

    def loss(network: VoiceNetwork) -> float:
        logits = torch.cat([torch.from_numpy(logits) for _, logits in voice_outputs(network, sounds)])
        return soft_cross_entropy(logits, targets).item()

    torch.manual_seed(1)
    assert loss(trained(clips, tmp_path, epochs=4)) < loss(VoiceNetwork())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no CUDA device")
def test_it_is_judged_on_the_device_that_it_learns_on(clips: Path) -> None:
    task = VoiceTask(settings(clips), 1, "cuda")
    assert 0 <= task.score(task.network)["score"] <= 100


def test_the_same_seed_gives_the_same_network(clips: Path, tmp_path: Path) -> None:
    one, two, other = (trained(clips, tmp_path / str(run), seed) for run, seed in enumerate((1, 1, 2)))
    assert same(one, two)
    assert not same(one, other)


def test_batches_are_a_function_of_the_epoch(clips: Path) -> None:
    task = VoiceTask(settings(clips), 1, "cpu")
    first, again, later = ([spectrograms for spectrograms, _ in task.batches(epoch)] for epoch in (0, 0, 1))
    assert len(first) == task.steps == 2
    assert all(torch.equal(one, two) for one, two in zip(first, again, strict=True))
    assert not torch.equal(first[0], later[0])


def test_clips_that_nothing_can_be_learnt_from_are_one_sentence(tmp_path: Path) -> None:
    write_ravdess(tmp_path / "few", range(15, 17))
    with pytest.raises(UserError, match=r"few holds no clip of any of the actors 1, 2, 3, .*: give the whole of RAVDESS\.$"):
        VoiceTask(settings(tmp_path / "few"), 1, "cpu")
    for name, samples in (
        ("silent", np.zeros(RATE)),
        ("short", np.ones(BLOCK // 2)),
        ("end", np.eye(1, 2 * BLOCK - 1, 2 * BLOCK - 2)[0]),
    ):
        write_wav(tmp_path / name / "03-01-05-01-01-01-01.wav", samples)
        with pytest.raises(UserError, match=r"01\.wav cannot be learnt from, there is nothing to be heard in it"):
            VoiceTask(settings(tmp_path / name), 1, "cpu")


def test_folds_leave_each_actor_out_once(clips: Path) -> None:
    assert sorted(actor for fold in FOLDS for actor in fold) == list(range(1, 25))
    for number, fold in enumerate(FOLDS, start=1):
        women = sum(actor % 2 == 0 for actor in fold)
        assert abs(len(fold) - 2 * women) <= 1
        learn, judged = settings(clips, fold=number).actors()
        assert sorted([*learn, *judged]) == list(range(1, 25))
        assert set(judged) == set(fold)
    assert settings(clips).actors() == (ACTORS["train"], ACTORS["dev"])


def test_the_actors_of_a_fold_choose_no_epoch(clips: Path) -> None:
    folded = settings(clips, fold=5)  # actor 1 is left out, 2 and 19 are learnt from
    assert VoiceTask(folded, 1, "cpu").steps == 2
    with pytest.raises(ValidationError, match=r"may choose no epoch: set optimisation\.keep to last"):
        VoiceTraining.model_validate(folded.model_dump() | {"optimisation": Optimisation()})


def test_each_fold_is_judged_by_the_actors_left_out_of_it() -> None:
    class Silent(VoiceNetwork):
        """Names the first emotion for silence and the second for anything else."""

        def forward(self, segments: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return torch.zeros(len(segments), 1), 9 * torch.eye(8)[segments.any(dim=1).long()]

    actors = np.arange(1, 25)
    women = actors % 2 == 0
    speech = Speech([np.full(8_000, not woman, np.float32) for woman in women], np.zeros(24, int), actors)
    assert voice_predictions(Silent(), speech.sounds).tolist() == (~women).astype(int).tolist()
    for fold in FOLDS:
        assert voice_recall(Silent(), speech.of(fold)) == pytest.approx(women[np.isin(actors, fold)].mean() / 8)


def test_hiding_covers_bands_and_times() -> None:
    spectrograms = torch.randn(4, 64, 147)
    covered = (hide(spectrograms, torch.Generator().manual_seed(0)) != spectrograms).float().mean(dim=(1, 2))
    assert (covered > 0).all()
    assert (covered < 0.6).all()


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
