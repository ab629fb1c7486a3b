"""Lines as a recogniser writes them: which marks are left, which words change, and that nothing else does."""

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotrack.errors import UserError
from emotrack.training.features.recognised import Recogniser, read_heard_words

SCRIPT = [
    "Oh no, I see you there!",
    "So good, so good to see you.",
    "Their dog is over there…",
    "We see the sea.",
]
TEXTS = st.text(st.sampled_from("aeoOsSn .,!?-—…'’()[]*:;1é"), max_size=40)


@pytest.fixture(scope="module")
def recogniser() -> Recogniser:
    return Recogniser(SCRIPT)


@pytest.mark.parametrize(
    ("said", "marked", "plain"),
    [
        ("Nooooo!!", "No.", "no"),
        ("I seeee", "I see.", "i see"),
        ("What?!", "What?", "what"),
        ("you’re here — (laughs) wait...", "You're here, wait.", "you're here wait"),
        ("...so: go; now!", "So, go, now.", "so go now"),
        (
            "No-no-no! Who were you talking about",
            "No no no. Who were you talking about.",
            "no no no who were you talking about",
        ),
        ('She said "HEY!!" [door]', "She said HEY.", "she said hey"),
        ("...", "", ""),
        ("!?", "", ""),
    ],
)
def test_script_marks_become_those_that_are_heard(
    recogniser: Recogniser, said: str, marked: str, plain: str
) -> None:
    assert recogniser.write(said, "marked") == marked
    assert recogniser.write(said, "plain") == plain
    assert recogniser.write(said, "written") == said


@given(TEXTS)
def test_words_alone_have_no_punctuation_and_marked_lines_end_like_sentences(said: str) -> None:
    recogniser = Recogniser(SCRIPT)
    plain, marked = recogniser.write(said, "plain"), recogniser.write(said, "marked")
    assert re.fullmatch(r"(\w+('\w+)*( \w+('\w+)*)*)?", plain)
    assert plain == plain.lower()
    assert re.fullmatch(r"([\w',.? ]*[.?])?", marked)
    assert recogniser.write(marked, "plain") == plain, "the words are the same"


def test_the_same_seed_hears_the_same_and_the_share_of_errors_is_what_is_asked_for(
    recogniser: Recogniser,
) -> None:
    line = " ".join(["there see no dog"] * 200)
    one, two, other = (
        recogniser.write(line, "plain", np.random.default_rng(seed), 0.2) for seed in (1, 1, 2)
    )
    assert one == two != other
    assert recogniser.write(line, "plain", np.random.default_rng(1), 0.0) == line
    words = [recogniser.write("there", "plain", np.random.default_rng(seed), 0.2) for seed in range(400)]
    assert 0.12 < np.mean([word != "there" for word in words]) < 0.28


def test_words_are_lost_or_taken_for_others_of_the_same_sound(recogniser: Recogniser) -> None:
    heard = {recogniser.write("sea", "plain", np.random.default_rng(seed), 1.0) for seed in range(60)}
    assert {"", "see", "so"} >= heard > {"see"}
    assert {
        recogniser.write("unheardof", "plain", np.random.default_rng(seed), 1.0) for seed in range(30)
    } == {"", "unheardof"}


def test_a_table_of_what_was_heard_comes_before_sounds() -> None:
    recogniser = Recogniser(SCRIPT, {"sea": {"sea": 90, "c": 1, "": 1}})
    heard = [recogniser.write("Sea", "plain", np.random.default_rng(seed), 1.0) for seed in range(60)]
    assert set(heard) == {"c", ""}


def test_a_table_of_heard_words_is_read_or_refused_in_one_sentence(tmp_path: Path) -> None:
    table = tmp_path / "heard.json"
    table.write_text('{"lines": 3, "heard_as": {"sea": {"see": 2}}}')
    assert read_heard_words(table) == {"sea": {"see": 2}}
    for wrong in ("{}", "no json", '{"heard_as": {"sea": 3}}'):
        table.write_text(wrong)
        with pytest.raises(UserError, match=r"is no table of heard words: make one with .*\.$"):
            read_heard_words(table)
    with pytest.raises(UserError, match=r"cannot be read \(No such file or directory\)"):
        read_heard_words(tmp_path / "none.json")
