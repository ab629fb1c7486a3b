"""The sentence encoder is taught by dialogues: which of them, how much each counts, and that it learns."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import nn

from emotrack.engines.networks.passages import Window
from emotrack.errors import UserError
from emotrack.training.corpora.texts import CLASSES
from emotrack.training.loop.loop import train
from emotrack.training.loop.losses import soft_cross_entropy
from emotrack.training.settings import Optimisation
from emotrack.training.tasks.text.lines import LineBatch
from emotrack.training.tasks.text.settings import FurtherTexts, Recognised, TextTraining
from emotrack.training.tasks.text.task import TextTask
from helpers.learning.corpora import write_dialogues
from helpers.learning.lesson import Nobody
from helpers.networks.sentences import save_sentence_encoder
from helpers.networks.small import linear

WINDOW = Window(utterances=3, tokens=140)
TableRow = tuple[str, str, str, str, str, str]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A sentence encoder of two layers with random weights."""
    return str(save_sentence_encoder(tmp_path_factory.mktemp("sentences")))


EMOTIONS = {"so": "joy", "no": "anger", "are you coming": "neutral", "never": "sadness"}
"""What each of a few sentences means."""


def meld(split: str, count: int) -> list[TableRow]:
    """Dialogues of those sentences in ever other orders."""
    random = np.random.default_rng(len(split) + count)
    return [
        ("MELD", split, str(number), f"speaker {turn % 2}", text, EMOTIONS[text])
        for number in range(count)
        for turn, text in enumerate(random.choice(list(EMOTIONS), 4))
    ]


def training(folder: Path, model: str, rows: list[TableRow], **changes: object) -> TextTraining:
    write_dialogues(folder / "table.csv", rows)
    as_written = Recognised(share=0.0)
    chosen = {
        "dropout": 0.0,
        "forget": 0.0,
        "recognised": as_written,
        "rank": 4,
        "dialogues": 2,
        "window": WINDOW,
        "head_rate": 0.05,
    } | changes
    optimisation = Optimisation(epochs=10, rate=5e-3)
    return TextTraining(
        out=folder, table=folder / "table.csv", base=model, optimisation=optimisation, **chosen
    )


def test_it_learns_from_the_words(tmp_path: Path, model: str) -> None:
    chosen = training(tmp_path, model, meld("train", 40) + meld("dev", 4) + meld("test", 1))
    task = TextTask(chosen, 1, "cpu")
    before = task.score(task.network.eval())["score"]
    progress = train(task, chosen.optimisation, tmp_path / "checkpoint.safetensors", Nobody())
    assert task.score(task.network)["score"] == pytest.approx(progress.best_scores["score"])
    assert progress.best_scores["score"] > max(50, before)
    names = {name for name, _ in task.network.named_parameters() if "lora" in name}
    assert len(task.tensors()) == len(names)
    assert all(tensor.dtype == torch.float16 and tensor.any() for tensor in task.tensors().values())
    assert task.notes() == {"base": model, "utterances": 3, "tokens": 140, "languages": ("en",)}


SHARED = "are you coming with us"
FURTHER: list[TableRow] = [
    ("EmoryNLP", "train", "0", "a", "so. ARE YOU coming, with us?!", "mad"),
    ("EmoryNLP", "train", "0", "b", "no", "sad"),
    ("EmoryNLP", "train", "1", "a", "so you are coming with us", "mad"),
    ("EmoryNLP", "train", "1", "b", "never", "sad"),
    ("EmoryNLP", "train", "2", "a", "no you are never coming !", "joyful"),
    ("EmoryNLP", "train", "2", "b", "are you ?", "scared"),
    ("DailyDialog", "train", "0", "a", "no", "neutral"),
    ("DailyDialog", "train", "0", "b", "no !", "anger"),
    ("DailyDialog", "train", "1", "a", "so", "happiness"),
    ("DailyDialog", "train", "1", "b", "so !", "happiness"),
]


@pytest.fixture(scope="module")
def with_further(tmp_path_factory: pytest.TempPathFactory, model: str) -> TextTraining:
    held_out: list[TableRow] = [
        ("MELD", "dev", "0", "x", f"{SHARED}!", "joy"),
        ("MELD", "test", "0", "x", "no, you are never coming", "joy"),
    ]
    auxiliary = {"EmoryNLP": FurtherTexts(weight=0.5), "DailyDialog": FurtherTexts(weight=0.25)}
    return training(
        tmp_path_factory.mktemp("further"), model, meld("train", 3) + held_out + FURTHER, auxiliary=auxiliary
    )


def labels_by_corpus(task: TextTask, *epochs: int) -> Mapping[str, Counter[int]]:
    found: dict[str, Counter[int]] = {}
    for epoch in epochs:
        for batch in task.batches(epoch):
            found.setdefault(batch.corpus, Counter()).update(batch.labels.tolist())
    return found


def test_scenes_that_dev_or_test_know_are_left_out(with_further: TextTraining) -> None:
    found = labels_by_corpus(TextTask(with_further, 1, "cpu"), 0)
    mad, sad = CLASSES["EmoryNLP"].index("mad"), CLASSES["EmoryNLP"].index("sad")
    assert found["EmoryNLP"] == {mad: 1, sad: 1}, "the one dialogue that shares no sentence of five words"
    assert found["DailyDialog"] == {CLASSES["DailyDialog"].index("happiness"): 2}, (
        "hardly emotional dialogues are left out"
    )
    assert found["MELD"].total() == 12


def test_further_corpora_count_as_much_as_they_are_told(with_further: TextTraining) -> None:
    task = TextTask(with_further, 1, "cpu")
    plain = TextTask(
        with_further.model_copy(
            update={"auxiliary": {"EmoryNLP": FurtherTexts(), "DailyDialog": FurtherTexts()}}
        ),
        1,
        "cpu",
    )
    task.network.eval(), plain.network.eval()
    for one, other in zip(task.batches(0), plain.batches(0), strict=True):
        ((name, weighted),), ((_, whole),) = task.losses(one).items(), plain.losses(other).items()
        assert name == one.corpus
        assert weighted.item() == pytest.approx(
            {"EmoryNLP": 0.5, "DailyDialog": 0.25}.get(name, 1) * whole.item(), rel=1e-3
        )


def test_what_is_recognised_keeps_its_lines_and_is_taught_by_what_is_written(
    tmp_path: Path, model: str
) -> None:
    rows = [(*row[:4], f"{row[4]} !", row[5]) for row in meld("train", 6)] + meld("dev", 1)
    plain = Recognised(share=1.0, plain=1.0, errors=0.0, consistency=0.5)
    task = TextTask(training(tmp_path, model, rows, recognised=plain), 1, "cpu")
    mark = task.network.tokenizer.convert_tokens_to_ids("!")
    task.network.eval()
    for batch in task.batches(0):
        assert batch.written is not None
        assert (batch.ids != mark).all() and (batch.written.ids == mark).any()
        assert torch.equal(batch.labels, batch.written.labels) and torch.equal(
            batch.numbers, batch.written.numbers
        )
        with torch.no_grad():
            answers = task.network(batch.written)
            alone = task.losses(replace(batch, written=None))["MELD"]
            taught = soft_cross_entropy(task.network(batch), answers.softmax(1))
        torch.testing.assert_close(task.losses(batch)["MELD"], (alone + taught) / 2)
    other = TextTask(
        training(tmp_path, model, rows, recognised=plain.model_copy(update={"consistency": 0.0})), 1, "cpu"
    )
    assert all(batch.written is None for batch in other.batches(0))


@torch.no_grad()
def test_a_line_that_nobody_recognised_is_left_out_of_what_is_taught(tmp_path: Path, model: str) -> None:
    rows: list[TableRow] = [
        ("MELD", "train", "0", "a", text, emotion)
        for text, emotion in (("so", "joy"), ("!", "anger"), ("no", "fear"))
    ]
    plain = Recognised(share=1.0, plain=1.0, errors=0.0)
    task = TextTask(training(tmp_path, model, rows + meld("dev", 1), recognised=plain), 1, "cpu")
    (batch,) = task.batches(0)
    assert batch.written is not None
    assert (batch.numbers.tolist(), batch.written.numbers.tolist()) == ([0, 2], [0, 1, 2])
    assert task.losses(batch)["MELD"].isfinite()


def test_some_of_the_batches_are_recognised(tmp_path: Path, model: str) -> None:
    rows = [(*row[:4], f"{row[4]} !", row[5]) for row in meld("train", 200)] + meld("dev", 1)
    task = TextTask(training(tmp_path, model, rows, recognised=Recognised(share=0.4)), 1, "cpu")
    batches = list(task.batches(0))
    assert len(batches) == 100
    assert 25 <= sum(batch.written is not None for batch in batches) <= 55


@torch.no_grad()
def test_comments_and_chats_have_heads_of_their_own(tmp_path: Path, model: str) -> None:
    (tmp_path / "comments.csv").write_text(
        "split,emotions,text\ntrain,joy|anger,so\ntrain,fear,no\ndev,joy,never\n"
    )
    (tmp_path / "chats.csv").write_text(
        "split,emotion,turn1,turn2,turn3\ntrain,sad,so,are you,no\ntest,sad,no,no,no\n"
    )
    files = {"goemotions": tmp_path / "comments.csv", "emocontext": tmp_path / "chats.csv"}
    further = {"GoEmotions": FurtherTexts(weight=0.5), "EmoContext": FurtherTexts()}
    task = TextTask(
        training(tmp_path, model, meld("train", 1) + meld("dev", 1), auxiliary=further, **files), 1, "cpu"
    )
    task.network.eval()
    comments, chats = ([batch for batch in task.batches(0) if batch.corpus == name] for name in further)
    shares = torch.cat([batch.shares for batch in comments if batch.shares is not None])
    joy, anger, fear = (CLASSES["GoEmotions"].index(name) for name in ("joy", "anger", "fear"))
    assert sorted(row.nonzero()[:, 0].tolist() for row in shares) == sorted([sorted([joy, anger]), [fear]])
    assert [batch.labels.tolist() for batch in chats] == [[CLASSES["EmoContext"].index("sad")]], (
        "only the last turn has a label"
    )
    before = {
        name: task.losses(batch)[name].item()
        for name, (batch, *_) in (("GoEmotions", comments), ("EmoContext", chats))
    }
    head = task.network.heads["EmoContext"]
    assert isinstance(head, nn.Sequential)
    linear(head[1]).weight.zero_()
    after = {
        name: task.losses(batch)[name].item()
        for name, (batch, *_) in (("GoEmotions", comments), ("EmoContext", chats))
    }
    assert before["GoEmotions"] == after["GoEmotions"] and before["EmoContext"] != after["EmoContext"]


@pytest.mark.parametrize("name", ["GoEmotions", "EmoContext"])
def test_a_further_corpus_and_its_file_go_together(
    tmp_path: Path, model: str, name: Literal["GoEmotions", "EmoContext"]
) -> None:
    for wrong in ({"auxiliary": {name: FurtherTexts()}}, {name.lower(): tmp_path / "table.csv"}):
        with pytest.raises(ValidationError, match=f"{name.lower()} is to be the path of its file"):
            training(tmp_path, model, meld("train", 1), **wrong)


def same(one: LineBatch, other: LineBatch) -> bool:
    return (
        one.corpus == other.corpus
        and torch.equal(one.ids, other.ids)
        and torch.equal(one.labels, other.labels)
    )


def test_an_epoch_is_a_function_of_the_seed_and_its_number(with_further: TextTraining) -> None:
    hiding = with_further.model_copy(update={"forget": 0.2})
    task, again, other = TextTask(hiding, 1, "cpu"), TextTask(hiding, 1, "cpu"), TextTask(hiding, 2, "cpu")
    list(task.batches(0))
    one, two = list(task.batches(3)), list(again.batches(3))
    assert len(one) == len(two) == task.steps
    assert all(map(same, one, two))
    for different in (task.batches(4), other.batches(3)):
        assert not all(same(first, second) for first, second in zip(one, different, strict=True))
    assert task.fingerprint == again.fingerprint != other.fingerprint


def test_a_share_of_the_further_dialogues_takes_turns(tmp_path: Path, model: str) -> None:
    rows = [
        ("DailyDialog", "train", str(number), "a", text, CLASSES["DailyDialog"][1 + number])
        for number in range(4)
        for text in ("so", "no")
    ]
    chosen = training(
        tmp_path,
        model,
        meld("train", 2) + meld("dev", 1) + rows,
        auxiliary={"DailyDialog": FurtherTexts(share=0.5)},
    )
    task = TextTask(chosen, 1, "cpu")
    assert labels_by_corpus(task, 0)["DailyDialog"].total() == 4
    assert labels_by_corpus(task, 0, 1)["DailyDialog"] == dict.fromkeys(range(1, 5), 2)
    assert labels_by_corpus(task, 0)["MELD"].total() == 8


def test_a_training_is_known_by_its_data_and_settings(tmp_path: Path, model: str) -> None:
    rows = meld("train", 2) + meld("dev", 1)
    moved = tmp_path / "moved"
    moved.mkdir()

    def fingerprint(folder: Path, rows: list[TableRow], **changes: object) -> str:
        return TextTask(training(folder, model, rows, **changes), 1, "cpu").fingerprint

    one = fingerprint(tmp_path, rows)
    assert fingerprint(moved, rows) == one, "wherever they lie"
    assert fingerprint(tmp_path, rows, rank=3) != one
    assert fingerprint(tmp_path, rows + meld("test", 1)) != one


@pytest.mark.parametrize(
    ("rows", "further", "words"),
    [
        (meld("dev", 1), (), "MELD train"),
        (meld("train", 1), (), "MELD dev"),
        (meld("train", 1) + meld("dev", 1), ("EmoryNLP",), "EmoryNLP"),
        (
            meld("train", 1) + meld("dev", 1) + [("EmoryNLP", "test", "0", "a", "so", "mad")],
            ("EmoryNLP",),
            "EmoryNLP train",
        ),
        ([*meld("train", 1), ("MELD", "dev", "0", "x", "so", "hungry")], (), "hungry"),
    ],
)
def test_tables_that_lack_something_are_one_sentence(
    tmp_path: Path, model: str, rows: list[TableRow], further: tuple[str, ...], words: str
) -> None:
    with pytest.raises(UserError, match=words) as refusal:
        TextTask(training(tmp_path, model, rows, auxiliary=dict.fromkeys(further, FurtherTexts())), 1, "cpu")
    assert str(refusal.value).endswith(".") and "\n" not in str(refusal.value)


def test_settings_that_no_encoder_can_meet_are_refused_before_training(tmp_path: Path, model: str) -> None:
    rows = meld("train", 2) + meld("dev", 1)
    for wrong in (
        {"window": {"tokens": 64}},
        {"window": {"utterances": -1}},
        {"auxiliary": {"EmoryNLP": {"weight": -1.0}}},
    ):
        with pytest.raises(ValidationError):
            training(tmp_path, model, rows, **wrong)
    with pytest.raises(
        UserError, match=r"reads at most \d+ tokens at once: set window\.tokens to that or less\.$"
    ):
        TextTask(training(tmp_path, model, rows, window={"tokens": 100_000}), 1, "cpu")
