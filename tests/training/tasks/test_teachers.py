"""A text adapter learns from what earlier ones answer: their mean, line by line, in place of the further
corpora's own labels."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from emotrack.engines.networks.passages import Window
from emotrack.errors import UserError
from emotrack.training.corpora.texts import CLASSES, read_dialogues
from emotrack.training.loop.task import CHECKPOINT, load_checkpoint
from emotrack.training.run import run
from emotrack.training.settings import Optimisation
from emotrack.training.tasks.text.lines import labelled
from emotrack.training.tasks.text.settings import FurtherTexts, TextTraining
from emotrack.training.tasks.text.task import TextTask
from emotrack.training.tasks.text.teachers import taught
from helpers.learning.corpora import write_dialogues
from helpers.networks.sentences import save_sentence_encoder

LINES = [("so", "joy"), ("are you coming", "neutral"), ("", "neutral"), ("never", "sadness")]


def rows(
    dataset: str, split: str, renamed: dict[str, str] | None = None
) -> list[tuple[str, str, str, str, str, str]]:
    meant = renamed or {}
    return [
        (dataset, split, str(number), f"speaker {turn % 2}", text, meant.get(emotion, emotion))
        for number in range(3)
        for turn, (text, emotion) in enumerate(LINES[number:] + LINES[:number])
    ]


@pytest.fixture(scope="module")
def teachers(tmp_path_factory: pytest.TempPathFactory) -> TextTraining:
    """Two finished trainings."""
    folder = tmp_path_factory.mktemp("teachers")
    model = str(save_sentence_encoder(folder / "model"))
    emory = rows("EmoryNLP", "train", {"joy": "joyful", "sadness": "sad"})
    table = [*rows("MELD", "train"), *rows("MELD", "dev"), *rows("MELD", "test"), *emory]
    write_dialogues(folder / "table.csv", table)
    settings = TextTraining(
        out=folder / "runs",
        table=folder / "table.csv",
        base=model,
        rank=2,
        window=Window(2, 140),
        seeds=(1, 2),
        optimisation=Optimisation(epochs=1, rate=1e-2),
    )
    run(settings)
    return settings


def student(finished: TextTraining, **changes: object) -> TextTask:
    folders = tuple(finished.out / f"seed-{seed}" for seed in finished.seeds)
    chosen = {"teachers": folders, "auxiliary": {"EmoryNLP": FurtherTexts(weight=0.5)}} | changes
    return TextTask(finished.model_copy(update=chosen), 1, "cpu")


def test_the_teachers_mean_answer_stands_beside_every_line(teachers: TextTraining) -> None:
    lines = labelled(read_dialogues(teachers.table, "MELD"), "MELD", "train")
    one, two = (teachers.out / f"seed-{seed}" for seed in teachers.seeds)
    classes = CLASSES["MELD"]
    alone = [taught(lines, [folder], "MELD", classes, "cpu") for folder in (one, two)]
    for both, first, second in zip(taught(lines, [one, two], "MELD", classes, "cpu"), *alone, strict=True):
        assert both.shares is not None and first.shares is not None and second.shares is not None
        np.testing.assert_allclose(both.shares, (first.shares + second.shares) / 2, atol=1e-6)
        spoken = np.array([bool(line.text) for line in both.lines])
        np.testing.assert_allclose(both.shares.sum(1), spoken, atol=1e-5)
    some, others = alone[0][0].shares, alone[1][0].shares
    assert some is not None and others is not None and not np.allclose(some, others)


def test_teachers_answer_only_what_an_epoch_takes(teachers: TextTraining) -> None:
    for epochs, expected in ((1, 1), (2, 2), (5, 3)):
        changes = {
            "auxiliary": {"EmoryNLP": FurtherTexts(share=1 / 3)},
            "optimisation": Optimisation(epochs=epochs, rate=1e-2),
        }
        task = student(teachers, **changes)
        assert sum(one.shares is not None for one in task._train["EmoryNLP"]) == expected
        for epoch in range(epochs):
            assert all(batch.shares is not None for batch in task.batches(epoch))


def test_further_corpora_are_learnt_from_the_teachers_alone(teachers: TextTraining) -> None:
    task = student(teachers, dropout=0.0, forget=0.0)
    assert list(task.network.heads) == ["MELD"]
    batches = {batch.corpus: batch for batch in task.batches(0)}
    assert batches.keys() == {"MELD", "EmoryNLP"}
    for batch in batches.values():
        assert batch.shares is not None and batch.shares.shape == (len(batch.labels), len(CLASSES["MELD"]))
    task.network.eval()
    before = task.losses(batches["EmoryNLP"])["EmoryNLP"]
    batches["EmoryNLP"].labels.fill_(0)
    torch.testing.assert_close(task.losses(batches["EmoryNLP"])["EmoryNLP"], before)


def test_other_teachers_are_another_training(teachers: TextTraining) -> None:
    both = student(teachers)
    one = student(teachers, teachers=(teachers.out / "seed-1",))
    assert len({both.fingerprint, one.fingerprint, student(teachers, teachers=()).fingerprint}) == 3


def test_a_folder_without_a_text_training_is_refused(teachers: TextTraining, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot be read"):
        student(teachers, teachers=(tmp_path,))


def test_a_training_begins_with_what_an_earlier_one_learnt(teachers: TextTraining) -> None:
    earlier = teachers.out / "seed-1"
    kept = load_checkpoint(earlier / CHECKPOINT)[0]["kept"]
    task = student(teachers, teachers=(), start=earlier)
    moved = {name: tensor for name, tensor in task.network.named_parameters() if tensor.requires_grad}
    assert kept.keys() == {name for name in moved if "EmoryNLP" not in name}
    assert all(torch.equal(moved[name], tensor) for name, tensor in kept.items())
    assert task.fingerprint != student(teachers, teachers=()).fingerprint
    with pytest.raises(
        UserError, match=r"has factors of other shapes: begin with one of the same `base` and `rank`\.$"
    ):
        student(teachers, teachers=(), start=earlier, rank=3)


def test_an_earlier_run_that_is_not_finished_is_refused_before_anything_is_trained(
    teachers: TextTraining, tmp_path: Path
) -> None:
    shutil.copy(teachers.out / "seed-1" / CHECKPOINT, tmp_path / CHECKPOINT)
    settings = teachers.model_copy(update={"out": tmp_path / "runs", "start": tmp_path, "seeds": (1,)})
    with pytest.raises(UserError, match=r"bundle\.json"):
        run(settings)
    assert not list(tmp_path.rglob("runs/**/*.safetensors"))
