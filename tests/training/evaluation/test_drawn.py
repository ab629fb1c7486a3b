"""What is drawn beside the words to test fusion: by label, by habit, for each speaker by itself; and what is
measured of it."""

from pathlib import Path

import numpy as np
import pytest

from emotrack.modalities import Modality
from emotrack.model.bundle import load_bundle, network_part, save_bundle
from emotrack.model.configuration import MELD_CLASSES
from emotrack.model.manifest import EncoderNote
from emotrack.training.corpora.records import CorpusRow
from emotrack.training.evaluation.measuring.drawn import (
    HAPPY,
    ORDINARY,
    Repertoire,
    Shown,
    agreement,
    beside_words,
    cases_of,
    drawn_figures,
    weight_figures,
)
from emotrack.training.evaluation.tables.robustness import CASES
from emotrack.training.features.store import Store, Tokens, open_store
from emotrack.training.tasks.network.data import read_dialogues
from emotrack.training.tasks.network.dialogues import ReadDialogue
from helpers.learning.corpora import write_store_of
from helpers.learning.stores import WIDTH, token, write_talk
from helpers.networks.small import small_network

CASES_BY_NAME = cases_of(MELD_CLASSES)
NUMBERS = {name: float(number) for number, name in enumerate(MELD_CLASSES)} | {ORDINARY: 9.0}
REPERTOIRE = Repertoire(
    voices={name: [np.full((2, 3), number, np.float32)] for name, number in NUMBERS.items()},
    faces={name: np.full((5, 3), number, np.float32) for name, number in NUMBERS.items() if name != ORDINARY},
)


def talk(labels: list[int], speakers: list[int]) -> ReadDialogue:
    tokens: list[Tokens] = [{"text": np.full((1, 3), place, np.float32)} for place in range(len(labels))]
    return ReadDialogue(tuple(tokens), np.array(labels), np.array(speakers))


def faces(dialogue: ReadDialogue) -> list[float]:
    return [float(one["face"][0, 0]) for one in dialogue.tokens]


def draw(case: str, dialogue: ReadDialogue, seed: int = 0) -> ReadDialogue:
    drawn = beside_words([dialogue], MELD_CLASSES, CASES_BY_NAME[case], REPERTOIRE, seed)
    assert drawn is not None
    return drawn[0]


def test_every_case_has_a_row_in_the_table() -> None:
    assert tuple(CASES_BY_NAME) == CASES


@pytest.mark.parametrize("case", CASES)
def test_words_labels_and_speakers_stay_as_they_are(case: str) -> None:
    before = talk([0, 1, 2, -1, 3], [0, 1, 0, 1, 0])
    after = draw(case, before)
    assert np.array_equal(after.labels, before.labels) and np.array_equal(after.speakers, before.speakers)
    for one, other in zip(after.tokens, before.tokens, strict=True):
        assert np.array_equal(one["text"], other["text"])
        assert "face" not in one or 4 <= len(one["face"]) <= 8
    again = draw(case, before)
    assert [sorted(one) for one in again.tokens] == [sorted(one) for one in after.tokens]


def test_faces_show_what_their_case_says() -> None:
    dialogue = talk([3] * 3_000, [0] * 3_000)
    assert set(faces(draw(HAPPY, dialogue))) == {1.0}
    assert set(faces(draw("face of the label", dialogue))) == {3.0}
    drawn = faces(draw("face drawn by label", dialogue))
    assert np.mean([one == 3 for one in drawn]) == pytest.approx(0.3 + 0.25 / 7, abs=0.03)
    assert np.mean([one == 0 for one in drawn]) == pytest.approx(0.45 + 0.25 / 7, abs=0.03)
    smiling = faces(draw("a person who smiles in half of the lines, else drawn", dialogue))
    assert np.mean([one == 1 for one in smiling]) == pytest.approx(0.5 + 0.5 * 0.25 / 7, abs=0.03)
    assert float(draw("ordinary voice", dialogue).tokens[0]["audio"][0, 0]) == 9.0


def test_what_a_speaker_shows_does_not_depend_on_the_others() -> None:
    case = "face drawn by label"
    together = faces(draw(case, talk([1, 2, 3, 4] * 10, [0, 1] * 20)))
    other = faces(draw(case, talk([1, 6, 3, 6] * 10, [0, 1] * 20)))
    assert together[::2] == other[::2] and together[1::2] != other[1::2]


def test_a_case_that_nothing_can_show_is_left_out() -> None:
    poor = Repertoire({}, {"joy": REPERTOIRE.faces["joy"]})
    assert not poor.can(Shown(voice=ORDINARY)) and poor.can(Shown(face="joy"))
    assert beside_words([talk([0], [0])], MELD_CLASSES, CASES_BY_NAME["ordinary voice"], poor, 0) is None


def people(path: Path, corpus: str, stream: Modality) -> Store:
    random = np.random.default_rng(0)
    rows = [CorpusRow(f"test/{name}", name, 0, "test", name, label=name) for name in MELD_CLASSES]
    tokens: list[Tokens] = [{stream: token(number, random, 1)} for number in range(len(MELD_CLASSES))]
    return open_store(write_store_of(path, rows, tokens, MELD_CLASSES, corpus=corpus))


def test_cases_are_measured_as_far_as_there_is_something_to_draw(tmp_path: Path) -> None:
    streams: tuple[Modality, ...] = ("text", "audio", "face")
    network = small_network(labelling="evidence", widths=dict.fromkeys(streams, WIDTH), trained=streams)
    notes = {stream: EncoderNote(name="token", width=WIDTH) for stream in streams}
    save_bundle(
        tmp_path / "bundle",
        {"network": network_part(network, "none", "nothing")},
        configuration=network.configuration,
        encoders={"embedded": notes},
        metrics={},
    )
    bundle = load_bundle(tmp_path / "bundle")
    dialogues = open_store(write_talk(tmp_path / "talk", {"test": 4}))
    told: list[str] = []
    found = drawn_figures(
        bundle, dialogues, None, people(tmp_path / "faces", "ferplus", "face"), None, told.append
    )
    assert told == list(CASES)
    assert set(found.cases) == {case for case in CASES if "voice" not in case}
    assert found.utterances == len(dialogues) and 0 <= found.clear <= found.utterances
    assert found.cases["nothing"].kept in (0.0, 100.0)
    with_voices = drawn_figures(
        bundle,
        dialogues,
        people(tmp_path / "voices", "ravdess", "audio"),
        people(tmp_path / "pictures", "ferplus", "face"),
        people(tmp_path / "readers", "ordinary", "audio"),
        told.append,
    )
    assert tuple(with_voices.cases) == CASES
    assert found.weights is None, "no case with voices"
    assert with_voices.weights is not None and 0 < with_voices.weights.utterances <= len(dialogues)
    assert with_voices.weights.correlation > 0.5, "a weight is how far the odds would move"
    assert weight_figures(bundle, read_dialogues(dialogues, "test")) is None, "words alone have no rival"


def test_weights_agree_with_what_leaving_out_does_in_order_and_in_the_first_place() -> None:
    same = agreement([[0.7, 0.3], [0.2, 0.8]], [[1.4, 0.6], [0.1, 0.4]], [0.7, 0.2])
    assert (same.utterances, same.correlation, same.top, same.deviation) == (2, 1.0, 100.0, 0.25)
    assert agreement([[0.7, 0.3], [0.2, 0.8]], [[0.3, 0.7], [2.0, 0.0]], [0.7, 0.2]).top == 0.0
