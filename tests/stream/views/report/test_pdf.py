"""The page as PDF, by whatever is here."""

import re
import shutil
import sys
from pathlib import Path

import pytest

from emotrack.errors import UserError
from emotrack.stream.views.report import pdf
from emotrack.stream.views.report.page import report
from emotrack.stream.wire.recordings.conversation import gathered
from helpers.recordings.recorded import evening, published

BROWSER = next((found for name in pdf.BROWSERS if (found := shutil.which(name)) is not None), None)


def page() -> str:
    return report(gathered(published(evening())), None, themed=False)


def check(made: bytes) -> None:
    assert made.startswith(b"%PDF-") and made.rstrip().endswith(b"%%EOF")
    assert len(made) > 10_000


@pytest.mark.skipif(BROWSER is None, reason="no Chromium or Chrome is installed")
def test_a_browser_prints_it() -> None:
    assert BROWSER is not None
    made = pdf.as_pdf(page(), BROWSER)
    check(made)
    assert re.search(rb"/MediaBox ?\[ ?0 0 59[45]", made), "A4"


def test_weasyprint_prints_it(capfd: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("weasyprint", reason="WeasyPrint is not installed")
    check(pdf.as_pdf(page(), "weasyprint"))
    assert not capfd.readouterr().err


def test_a_page_for_paper_has_colours_and_no_variables_in_its_pictures() -> None:
    pictures = re.findall(r"<svg.*?</svg>", page(), re.DOTALL)
    assert pictures and not [one for one in pictures if "var(" in one]


def test_where_nothing_prints_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(UserError, match=r"^Nothing here makes a PDF: pip install weasyprint .*\.$"):
        pdf.renderer()


def test_a_browser_that_fails_is_told_with_its_own_words(tmp_path: Path) -> None:
    (browser := tmp_path / "chromium").write_text(f"#!{sys.executable}\nimport sys\nsys.exit('no display')\n")
    browser.chmod(0o700)
    with pytest.raises(UserError, match=r"made no PDF.*no display"):
        pdf.as_pdf(page(), str(browser))
