"""What an explanation says of the demonstration clip's labels, and that every figure in it is the live
network's own answer."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console

from emotrack.engines.encoders.text.encoder import MINILM
from emotrack.engines.networks.passages import DialogueLine
from emotrack.errors import UserError
from emotrack.explaining.contributions import (
    FEW,
    Contribution,
    Explainer,
    LiveHead,
    Loss,
    forgotten,
    log_odds,
)
from emotrack.explaining.deletion import Deletion, StoredUtterance, delete, deletions_of, summarise
from emotrack.explaining.explanation import Explanation, explain
from emotrack.explaining.parts import PLACES, REGIONS, Kind, UtterancePart, heat_map, hide
from emotrack.explaining.picture import draw, save_picture
from emotrack.explaining.report import deletion_sentence, render, render_row, summary_sentence
from emotrack.explaining.utterances import TrackedUtterance
from emotrack.modalities import Modality
from emotrack.model.batch import collate
from emotrack.model.bundle import Bundle
from emotrack.model.dialogue.dialogue import Dialogue
from emotrack.model.dialogue.plain_context import PlainContext
from emotrack.stream.labels.conversation import TextContext
from emotrack.stream.labels.evidence import LabelledUtterance
from emotrack.training.corpora.records import CorpusRow
from emotrack.training.features.store import open_store
from helpers.learning.corpora import write_store_of
from helpers.networks.sentences import adapted
from helpers.sessions.explaining import demonstration
from helpers.sessions.tracking import Workbench

pytestmark = pytest.mark.xdist_group("explaining")  # one worker tracks the clip once for all of them
HAPPY, ANGRY, COVERED, MUTED = 1, 3, 4, 5
"""Utterances of the clip: said happily by a face that smiles, said angrily unseen, sadly unseen, seen
unheard."""


@pytest.fixture(scope="module")
def told() -> dict[int, LabelledUtterance]:
    return demonstration()


@pytest.fixture(scope="module")
def live_head(workbench: Workbench) -> LiveHead:
    return LiveHead(workbench.bundle)


@pytest.fixture(scope="module")
def explained(
    workbench: Workbench, live_head: LiveHead, told: dict[int, LabelledUtterance]
) -> dict[int, Explanation]:
    return {
        number: explain(told[number], workbench.encoders, live_head, draws=6)
        for number in (HAPPY, ANGRY, COVERED, MUTED)
    }


def fused(bundle: Bundle, tokens: dict[Modality, np.ndarray]) -> np.ndarray:
    """What one utterance leaves to its dialogue."""
    with torch.inference_mode():
        return bundle.network.fuse(collate([tokens], bundle.configuration.widths)).said[0].numpy()


def strongest(explanation: Explanation, kind: str) -> str:
    found = [found for found in explanation.parts if found.part.kind == kind]
    return max(found, key=lambda one: one.contribution).part.name


def test_the_judge_gives_the_live_labels_again(
    live_head: LiveHead, told: dict[int, LabelledUtterance]
) -> None:
    assert len(told) >= 6
    for labelled in told.values():
        again = live_head.probabilities([labelled.evidence.tokens], labelled.memory)[0]
        assert np.abs(again - labelled.probabilities).max() < 1e-5


def test_what_was_said_and_seen_is_what_counts(explained: dict[int, Explanation]) -> None:
    assert explained[HAPPY].label == "joy"
    assert strongest(explained[HAPPY], "region") == "mouth"
    assert explained[ANGRY].label == "anger"
    assert strongest(explained[ANGRY], "word") == "angry"
    assert explained[COVERED].label == "sadness"
    assert strongest(explained[COVERED], "word") in ("sad", "sorry,")


def test_the_probability_without_a_word_is_that_of_the_text_without_it(
    workbench: Workbench, told: dict[int, LabelledUtterance], explained: dict[int, Explanation]
) -> None:
    """The same by hand: the text without the word, encoded, fused, and taken into the dialogue as it was."""
    labelled, explanation = told[ANGRY], explained[ANGRY]
    found = next(found for found in explanation.parts if found.part.name == "angry")
    assert labelled.evidence.transcript is not None and workbench.encoders.text is not None
    words = re.sub(r"\bangry\b ?", "", labelled.evidence.transcript.text)
    context = labelled.evidence.context
    tokens = {
        **labelled.evidence.tokens,
        "text": workbench.encoders.text.encode(words, context.speaker, context.before),
    }
    dialogue = Dialogue(PlainContext(workbench.bundle.network))
    for number in range(1, ANGRY):
        dialogue.commit(str(number), fused(workbench.bundle, told[number].evidence.tokens), "a")
    left = dialogue.preview(fused(workbench.bundle, tokens), "a").probabilities
    place = workbench.bundle.configuration.classes.index(explanation.label)
    assert found.probability == pytest.approx(left[place], abs=1e-6)


@pytest.mark.parametrize(("kind", "others"), [("region", 1), ("word", 1), ("word", 9)])
def test_of_parts_that_tell_the_same_each_did_its_share(kind: Kind, others: int) -> None:
    """Two smile alike: hiding either changes nothing, hiding both halves the odds of the label twice over."""
    parts = [
        UtterancePart(kind, index, name)
        for index, name in enumerate(("eyes", "mouth", *(f"other {n}" for n in range(others))))
    ]

    class Smiling(Explainer):
        probability = 0.8

        def __init__(self) -> None:
            self.subject = StoredUtterance({}, None)  # type: ignore[arg-type]  # not asked

        def without(self, removals: Sequence[Sequence[UtterancePart]]) -> np.ndarray:
            return np.array(
                [0.5 if {part.name for part in removed} >= {"eyes", "mouth"} else 0.8 for removed in removals]
            )

        def _losses(self, cases: Sequence[object]) -> list[Loss]:
            return [Loss(0.8, 0.0) for _ in cases]

    found = Smiling().of_parts(parts)
    assert [one.contribution for one in found] == pytest.approx([1.0, 1.0, *[0.0] * others])
    assert {one.probability for one in found} == {0.8}


def test_what_the_regions_did_adds_up_to_what_the_face_did_and_the_words_to_the_text(
    explained: dict[int, Explanation],
) -> None:
    told_by: tuple[tuple[int, Kind, Modality], ...] = (
        (HAPPY, "region", "face"),
        (MUTED, "region", "face"),
        (ANGRY, "word", "text"),
        (COVERED, "word", "text"),
    )
    for number, kind, modality in told_by:
        found = [found.contribution for found in explained[number].parts if found.part.kind == kind]
        assert len(found) == len(REGIONS) if kind == "region" else len(found) > FEW
        assert sum(found) == pytest.approx(explained[number].modalities[modality].contribution, abs=1e-4)


def test_a_modality_without_any_of_its_parts_is_masked(
    workbench: Workbench,
    live_head: LiveHead,
    told: dict[int, LabelledUtterance],
    explained: dict[int, Explanation],
) -> None:
    subject = TrackedUtterance(told[HAPPY], workbench.encoders)
    for modality in ("text", "audio", "face"):
        parts = [part for part in subject.parts if part.modality == modality]
        assert parts and modality not in subject.without(parts)
        left = live_head.probabilities([subject.without(parts)], subject.memory)[0]
        place = live_head.labels.index(explained[HAPPY].label)
        assert explained[HAPPY].modalities[modality].probability == pytest.approx(left[place], abs=1e-6)


def test_bodies_are_parts_like_any_other(workbench: Workbench, told: dict[int, LabelledUtterance]) -> None:
    evidence = told[MUTED].evidence
    bodies = np.arange(3 * 57, dtype=np.float32).reshape(3, 57)
    seen = replace(told[MUTED], evidence=replace(evidence, tokens={**evidence.tokens, "body": bodies}))
    subject = TrackedUtterance(seen, workbench.encoders)
    parts = [part for part in subject.parts if part.kind == "body"]
    assert [part.name for part in parts] == ["body 1", "body 2", "body 3"]
    assert np.array_equal(subject.without(parts[1:2])["body"], bodies[[0, 2]])
    assert "body" not in subject.without(parts)


def test_the_first_utterance_owes_nothing_to_the_dialogue_and_later_ones_do(
    workbench: Workbench, explained: dict[int, Explanation]
) -> None:
    first, second = explained[HAPPY].context, explained[ANGRY].context
    assert first.both.contribution == pytest.approx(0, abs=1e-5)
    assert abs(second.both.contribution) > 0.01
    assert workbench.encoders.text is not None
    assert (second.lines is None) == (workbench.encoders.text.context == 0)
    if second.lines is None:
        assert second.both.contribution == pytest.approx(second.memory.contribution, abs=1e-5)


def test_absent_modalities_have_a_weight_and_a_reason(explained: dict[int, Explanation]) -> None:
    for explanation in explained.values():
        assert sum(explanation.weights.values()) == pytest.approx(1, abs=1e-5)
        modalities = explanation.as_json()["modalities"]
        assert modalities["body"] == {
            "weight": 0.0,
            "reason": "untrained",
            "contribution": None,
            "without": None,
        }
    assert set(explained[COVERED].modalities) == {"text", "audio"} and explained[COVERED].heat is None
    assert set(explained[MUTED].modalities) == {"face"}


def test_top_parts_weigh_more_than_random_ones(explained: dict[int, Explanation]) -> None:
    checks = [explanation.deletion for explanation in explained.values()]
    assert all(check is not None and check.drop > check.random_drop for check in checks)
    summary = summarise([check for check in checks if check is not None])
    assert summary.difference > 0.1 and summary.better == 1
    assert summary.interval[0] <= summary.difference <= summary.interval[1]
    sentence = summary_sentence(summary, len(checks) + 1)
    assert "over 4 utterances of 5 (" in sentence and "100.0 %" in sentence


def test_what_was_said_before_counts_where_it_is_read_along(
    workbench: Workbench, live_head: LiveHead, told: dict[int, LabelledUtterance], tmp_path: Path
) -> None:
    encoders = replace(workbench.encoders, text=adapted(tmp_path, MINILM))
    assert encoders.text is not None
    before = (DialogueLine(0, "i hate you so much"), DialogueLine(1, "well then go away"))
    evidence, words = told[COVERED].evidence, told[COVERED].evidence.words
    assert words is not None
    tokens = {**evidence.tokens, "text": encoders.text.encode(words, 1, before)}
    labelled = replace(
        told[COVERED], evidence=replace(evidence, tokens=tokens, context=TextContext(1, before))
    )
    subject = TrackedUtterance(labelled, encoders)
    subject.check()
    assert [line.name for line in subject.lines] == [line.text for line in before]
    alone = subject.without(subject.lines)["text"]
    assert np.array_equal(alone, encoders.text.encode(words, 1))
    explainer = Explainer(subject, live_head)
    context = explainer.of_context()
    assert context.lines is not None and context.lines.contribution != 0
    with_nothing = live_head.probabilities([{**tokens, "text": alone}], forgotten(labelled.memory))[
        0, explainer.label
    ]
    assert context.both.probability == pytest.approx(with_nothing, abs=1e-6)
    explanation = explain(labelled, encoders, live_head, draws=1)
    assert len(explanation.lines) == 2 and "i hate you so much" in shown(explanation)
    draw(explanation)


class Scripted:
    """An explainer whose label is as probable as the parts that are left say: each takes its own share
    away."""

    probability = 0.9

    def __init__(self, shares: Sequence[float]) -> None:
        self.shares = shares

    def without(self, removals: Sequence[Sequence[UtterancePart]]) -> np.ndarray:
        return np.array(
            [self.probability - sum(self.shares[part.index] for part in removed) for removed in removals]
        )


def test_deletion_takes_the_parts_that_speak_for_the_label_in_their_order() -> None:
    shares = [0.1, -0.2, 0.3, 0.0]
    parts = [
        Contribution(0.9 - share, share, UtterancePart("word", index, str(index)))
        for index, share in enumerate(shares)
    ]
    found = delete(Scripted(shares), parts, draws=400)  # type: ignore[arg-type]  # stands in
    assert found is not None
    assert found.top == pytest.approx([0.6, 0.5])
    assert found.drop == pytest.approx(0.35)
    assert found.random.shape == (400, 2)
    assert found.random_drop == pytest.approx(
        1.5 * np.mean(shares), abs=0.03
    )  # of one part the mean, of two twice that
    assert delete(Scripted(shares), parts[1:2], draws=4) is None  # type: ignore[arg-type]  # stands in
    against = [replace(part, contribution=-abs(part.contribution)) for part in parts]
    assert delete(Scripted(shares), against, draws=4) is None  # type: ignore[arg-type]  # stands in
    assert "nothing to check" in deletion_sentence("joy", None)


def test_the_summary_of_two_utterances_by_hand() -> None:
    checks = [
        Deletion(0.8, np.array([0.6, 0.4]), np.array([[0.8, 0.7]])),
        Deletion(0.5, np.array([0.5]), np.array([[0.4]])),
    ]
    summary = summarise(checks)
    assert (summary.drop, summary.random_drop) == pytest.approx((0.15, 0.075))
    assert summary.better == 0.5 and summary.interval == pytest.approx((-0.1, 0.25))


def test_log_odds_count_doublings() -> None:
    assert log_odds(0.5) == 0
    assert log_odds(2 / 3) - log_odds(0.5) == pytest.approx(1)
    assert np.isfinite(log_odds(np.array([0.0, 1.0]))).all()


def test_regions_cover_a_face_once_and_hide_only_what_is_theirs(told: dict[int, LabelledUtterance]) -> None:
    assert np.array_equal(np.sum(list(REGIONS.values()), axis=0), np.ones((48, 48)))
    crops = told[HAPPY].evidence.crops
    assert crops is not None
    hidden = hide(crops, REGIONS["mouth"])
    assert hidden.shape == crops.shape and hidden.dtype == np.uint8
    assert np.array_equal(hidden[:, :24], crops[:, :24])
    contrast = [np.ptp(faces[:, 33:39, 14:36].astype(int), axis=(1, 2)).mean() for faces in (crops, hidden)]
    assert contrast[1] < contrast[0] / 2


def test_the_heat_map_is_warmest_where_the_window_found_most() -> None:
    values = np.zeros((PLACES, PLACES))
    values[4, 1] = 1.0
    heat = heat_map(values)
    row, column = np.unravel_index(heat.argmax(), heat.shape)
    assert row > 38 and 7 <= column < 27
    assert heat_map(np.ones((PLACES, PLACES))) == pytest.approx(np.ones((48, 48)))


def shown(explanation: Explanation) -> str:
    console = Console(width=110, record=True, file=None, quiet=False, force_terminal=False)
    with console.capture() as capture:
        console.print(render(explanation))
        console.print(render_row(explanation))
    return capture.get()


def test_the_text_says_all_of_it(explained: dict[int, Explanation]) -> None:
    text = shown(explained[HAPPY])
    heard = next(found.part.name for found in explained[HAPPY].parts if found.part.kind == "segment")
    named = [
        "utterance 1",
        "joy",
        "happy",
        "mouth",
        "fusion weight",
        "the dialogue before",
        "by deletion",
        "untrained",
    ]
    for expected in (heard, *named):
        assert expected in text, expected
    assert "camera covered" in shown(explained[COVERED])
    assert all(len(line) <= 110 for line in text.splitlines())


@pytest.mark.parametrize("number", [HAPPY, COVERED, MUTED])
def test_the_picture_is_drawn_whatever_is_missing(
    explained: dict[int, Explanation], number: int, tmp_path: Path
) -> None:
    save_picture(explained[number], tmp_path / "picture.png")
    with Image.open(tmp_path / "picture.png") as picture:
        assert picture.width == 1800 and 1100 < picture.height < 2000
        assert len(np.unique(np.asarray(picture.convert("L")))) > 100
    with pytest.raises(UserError, match="cannot be written"):
        save_picture(explained[number], tmp_path / "nowhere" / "picture.png")


def test_a_store_is_checked_in_its_dialogues(
    workbench: Workbench, told: dict[int, LabelledUtterance], tmp_path: Path
) -> None:
    bundle = workbench.bundle
    numbers = sorted(told)
    rows = [CorpusRow(f"test/{n}", "d", n, "test", "ab"[n % 2]) for n in numbers]
    path = write_store_of(
        tmp_path / "store", rows, [told[n].evidence.tokens for n in numbers], bundle.configuration.classes
    )
    found = list(deletions_of(open_store(path), bundle, "test", limit=3, draws=2))
    assert len(found) == 3
    # The last one by hand: its probability is what the dialogue of the others gives it.
    dialogue = Dialogue(PlainContext(bundle.network))
    for row, number in zip(rows, numbers, strict=True):
        last = dialogue.commit(
            row.name, fused(bundle, told[number].evidence.tokens), row.speaker
        ).probabilities
    assert found[-1] is not None and found[-1].whole == pytest.approx(last.max(), abs=1e-5)
    with pytest.raises(UserError, match="split 'dev'"):
        list(deletions_of(open_store(path), bundle, "dev", limit=3))
    subject = StoredUtterance(told[HAPPY].evidence.tokens, told[HAPPY].memory)
    assert len(subject.without(subject.parts[:2])["text"]) == len(told[HAPPY].evidence.tokens["text"]) - 2
