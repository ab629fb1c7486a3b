"""What labels are worth is what the bundle and its model card say, and nothing where they say nothing."""

import json
import re
from typing import Any

import pytest

from emotrack.model.bundle import default_directory
from emotrack.stream.views.report.facts.worth import Worth, worth_of
from emotrack.stream.views.report.page import report
from emotrack.stream.wire.recordings.conversation import gathered
from helpers.pages import rows
from helpers.recordings.recorded import evening, published

CARD = (default_directory() / "MODEL_CARD.md").read_text("utf-8")


def metrics() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((default_directory() / "bundle.json").read_text("utf-8"))["metrics"]
    return found


def shipped() -> Worth:
    found = worth_of(metrics(), "shipped", "whisper-tiny.en")
    assert found is not None
    return found


def told(section: str, row: str) -> list[float]:
    """The means in a row of the card's section."""
    text = re.split(rf"^## {re.escape(section)}.*$", CARD, flags=re.MULTILINE)[1].split("\n## ")[0]
    (cells,) = [cells for cells in rows(text) if cells[0] == row]
    return [float(cell.split(" ")[0]) for cell in cells[1:] if re.match(r"\d", cell)]


def test_the_figures_are_those_of_the_model_card() -> None:
    found = shipped()
    assert found.accuracy == pytest.approx(told("Headline", "accuracy")[0], abs=0.006)
    assert found.weighted_f1 == pytest.approx(told("Headline", "weighted F1")[0], abs=0.006)
    assert found.calibration_error == pytest.approx(
        100 * told("Headline", "expected calibration error")[0], abs=0.006
    )
    assert found.heard == pytest.approx(told("Words: MELD test", "through whisper-tiny.en")[0], abs=0.006)
    assert f"{found.lines} utterances" in CARD and f"{found.seeds} training" in CARD
    for one in found.labels:
        _, precision, recall, *_ = told("MELD test, text only, live, by class", one.label)
        assert one.right == pytest.approx(precision, abs=0.006), one.label
        assert one.found == pytest.approx(recall, abs=0.006), one.label


def test_the_page_says_these_figures_and_what_was_not_measured() -> None:
    found = shipped()
    page = report(gathered(published(evening())), found)
    assert f"about {found.accuracy:.0f} as people had labelled them" in page
    assert found.artificial and "has not been measured" in page
    for one in found.labels:
        assert f'<td class="number">{one.right:.0f}</td><td class="number">{one.found:.0f}</td>' in page


def test_a_bundle_without_figures_has_no_worth() -> None:
    assert worth_of({}, "b") is None
    assert worth_of({"seeds": []}, "b") is None
    assert worth_of({"seeds": [{"dialogues": {"live": {"accuracy": "high"}}}]}, "b") is None


def test_words_of_a_recogniser_that_was_not_measured_have_no_figure() -> None:
    for recogniser in (None, "whisper-huge"):
        found = worth_of(metrics(), "b", recogniser)
        assert found is not None and found.heard is None


def test_a_page_without_worth_has_no_figure_of_it() -> None:
    page = report(gathered(published(evening())), None)
    assert "is not known of the network" in page and "Not known here" in page
    assert "F1" not in page and "of 100" not in page
