"""The papers' tables: every row that the papers have, ours as mean and deviation, and no number where there
is no data."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import f1_score

from emotrack.errors import UserError
from emotrack.model.bundle import default_directory, load_bundle
from emotrack.training.bundles.card import CARD, render
from emotrack.training.evaluation.evaluated import Evaluated
from emotrack.training.evaluation.measuring.bootstrap import Paired, difference, weighted_f1_of
from emotrack.training.evaluation.plots import PLOTS
from emotrack.training.evaluation.records import Metrics, metrics_of
from emotrack.training.evaluation.tables import NAMES
from emotrack.training.evaluation.tables.render import NEEDS_MEDIA, Spread, Table, TableRow
from emotrack.training.evaluation.tables.tables import TABLES, data, markdown
from helpers.learning.figures import measured, metrics, mosi_figures, subsets


@pytest.fixture(scope="module")
def kept() -> Metrics:
    found = metrics_of(metrics(), "made up")
    assert found is not None
    return found


@pytest.fixture
def shipped(kept: Metrics) -> Evaluated:
    """One bundle measured now beside the three seeds that it keeps."""
    return Evaluated(now=(measured(2),), kept=kept, mosi=kept.mosi, encoders=kept.encoders)


def cells(text: str, name: str) -> list[str]:
    """The cells of the first row of that name, footnote marks aside."""
    for line in text.splitlines():
        parts = [one.strip() for one in line.strip().strip("|").split("|")]
        if parts[0] == name or parts[0].startswith(f"{name} ["):
            return parts[1:]
    raise AssertionError(f"no row {name!r} in\n{text}")


def test_spread_and_footnotes() -> None:
    table = Table(
        "T",
        ("a", "b"),
        (TableRow("x", (Spread((1.0, 3.0)), NEEDS_MEDIA), ("n",)), TableRow("y", (2.5, "–"))),
        "",
        {"n": "why", "o": "unused"},
    )
    text = table.markdown()
    assert (
        cells(text, "x") == ["2.00 ± 1.41", "needs media"]
        and "| x [1] |" in text
        and "[1] why" in text
        and "unused" not in text
    )
    plain = table.data()
    assert plain["rows"][0]["a"] == {"mean": 2.0, "sd": 1.4142, "seeds": [1.0, 3.0]}
    assert plain["rows"][0]["b"] == {"unfilled": "needs media"} and plain["footnotes"] == {"n": "why"}


def test_main_has_the_papers_rows(shipped: Evaluated) -> None:
    text = markdown(shipped, ["main"])
    for name, meld, iemocap in (
        ("T+A", "62.63", "61.62"),
        ("T+V", "61.96", "63.43"),
        ("A+V", "52.85", "53.79"),
        ("T+A (JE)", "68.36", "69.19"),
        ("T+V (JE)", "68.97", "70.94"),
        ("A+V (JE)", "60.85", "65.80"),
        ("No Face", "69.14", "71.75"),
        ("No Body", "70.89", "72.86"),
        ("T+A+V", "71.98", "74.91"),
    ):
        ours, matched, other, *paper = cells(text, name)
        assert paper == [meld, iemocap] and ours == other == "needs media"
        assert (matched == "needs media") == name.startswith("No ")
    assert cells(text, "T+A (JE)")[1] == "60.10 ± 1.00" and cells(text, "T+A")[1] == "60.00 ± 1.00"
    assert "±" in cells(text, "T")[0] and cells(text, "AMuSE, T+A+V") == ["71.32", "73.91"]
    assert (
        "not comparable" in text
        and "is its accuracy" in text
        and "incompatible with its 7-class column" in text
    )


def test_a_holder_of_media_sees_figures_where_others_see_none() -> None:
    """Dialogues with sound and pictures of their own fill the rows of their corpus, and nothing is drawn by
    label."""
    rows = subsets(1) | {"No Face": subsets(1)["T+A"], "No Body": subsets(1)["T+V"]}
    base = measured(1, matched=False)
    dialogues = base.dialogues.model_copy(update={"corpus": "iemocap"})
    text = markdown(Evaluated(now=(base.model_copy(update={"own": rows, "dialogues": dialogues}),)), ["main"])
    assert "Headline: IEMOCAP test" in text
    assert cells(text, "T+A (JE)")[:3] == ["needs media", "not measured", "59.10"]
    assert cells(text, "T+A+V")[:3] == ["needs media", "not measured", "62.00"]
    assert cells(text, "No Face")[:3] == ["needs media", "needs media", "59.00"]
    assert cells(text, "**ours, T, live**")[0] == "needs media"


def test_headline_shows_the_bundle_beside_its_run(shipped: Evaluated) -> None:
    text = markdown(shipped, ["main"])
    assert "ours (3 seeds)" in text and "this bundle, measured now" in text
    ours, now, goal = cells(text, "weighted F1")
    assert "±" in ours and "±" not in now and goal in ("≥ 62.5: met", "≥ 62.5: missed")
    assert cells(text, "5-class weighted F1 (without fear and disgust)")[0] != "not measured"


def test_several_bundles_are_seeds_of_one_run() -> None:
    text = markdown(Evaluated(now=(measured(1), measured(2))), ["main", "streaming", "per-class"])
    assert "(2 seeds)" in text and "this bundle, measured now" not in text


def test_missing(shipped: Evaluated) -> None:
    text = markdown(shipped, ["missing"])
    zero, masked, joint, gain, verdict, accuracy, linear, linear_accuracy = cells(text, "A")
    assert (zero, masked, joint, gain, verdict) == (
        "53.00 ± 1.00",
        "58.00 ± 1.00",
        "58.10 ± 1.00",
        "0.10 ± 0.00",
        "met",
    )
    assert (accuracy, linear, linear_accuracy) == ("59.10 ± 1.00", "70.00", "71.00")
    assert cells(text, "T+A+V")[3:5] == ["–", "–"]
    assert cells(text, "T+A (JE)")[:3] == ["68.36", "69.19", "needs media"]


def test_missing_without_data_says_so(kept: Metrics) -> None:
    text = markdown(Evaluated(now=(measured(1, matched=False),)), ["missing"])
    assert cells(text, "T+A") == ["62.63", "61.62", "needs media", "not measured", "not measured"]


def test_a_mode_that_goes_missing_half_through(shipped: Evaluated) -> None:
    assert cells(markdown(shipped, ["missing"]), "T gone") == [
        "57.00 ± 0.00",
        "57.00 ± 0.00",
        "60.00 ± 1.00",
        "3.00 ± 1.00",
        "met",
    ]


def test_one_mode_alone(shipped: Evaluated) -> None:
    assert cells(markdown(shipped, ["alone"]), "neutral") == ["99.00", "95.00", "≥ 95: met"], "measured now"
    text = markdown(replace(shipped, now=()), ["alone"])
    assert "One mode alone: readers" in text and "FER+" not in text
    assert cells(text, "neutral") == ["99.00", "95.00 ± 1.00", "≥ 95: met"]
    assert cells(text, "the person it serves worst, all clips") == ["–", "82.00 ± 1.00", ""]
    assert cells(text, "the person it serves best") == ["–", "95.00 ± 0.00", ""]
    assert cells(text, "calibration error")[1:] == ["0.040 ± 0.000", "≤ 0.05: met"]


def test_words_from_elsewhere(shipped: Evaluated) -> None:
    assert cells(markdown(shipped, ["elsewhere"]), "valence")[0] == "0.500", "measured now"
    text = markdown(replace(shipped, now=()), ["elsewhere"])
    assert cells(text, "EmoryNLP test, the five classes that both have") == [
        "48.00 ± 1.00",
        "40.00 ± 0.00",
        "50.0 ± 0.0",
        "100",
        "weighted F1 ≥ 47: met",
    ]
    assert cells(text, "GoEmotions test, comments with one emotion")[0] == "not measured"
    assert cells(text, "valence") == ["0.500 ± 0.000", "0.200 ± 0.100", "0.200 ± 0.000"]


def test_ablation(shipped: Evaluated) -> None:
    text = markdown(shipped, ["ablation"])
    assert cells(text, "full model")[:3] == ["75.20 ± 0.10", "–", "76.20 ± 0.10"]
    assert cells(text, "no multimodal attention") == [
        "75.50 ± 0.10",
        "0.30 ± 0.00",
        "76.50 ± 0.10",
        "needs media",
        "61.60",
        "75.27",
    ]
    for name, meld, iemocap in (
        ("no guided NCE, No Face", "60.21", "61.82"),
        ("no guided NCE, No Body", "63.43", "64.91"),
    ):
        assert cells(text, name) == ["needs media"] * 4 + [meld, iemocap]
    for layers, meld in (("1", "65.37"), ("3", "69.26"), ("4", "71.32"), ("5", "71.03")):
        assert cells(text, f"ACN layers {layers}")[4] == meld
    for gamma in ("0.5", "0.75", "1", "1.25"):
        assert "±" in cells(text, f"focal γ {gamma}")[0]
    assert "fusion test 3" in text and "the paper's text was not at hand" in text


def test_streaming(shipped: Evaluated) -> None:
    text = markdown(shipped, ["streaming"])
    ours, _, lost, interval, goal = cells(text, "live (no later utterance)")
    assert "±" in ours and " to " in interval and goal.startswith("≥ -0.5: ") and float(lost.split()[0]) < 0
    assert cells(text, "revised after 2 later utterances")[-1].startswith("≥ -0.2: ")


def test_per_class(shipped: Evaluated) -> None:
    text = markdown(shipped, ["per-class"])
    assert cells(text, "fear")[-1].startswith("≥ 10: ") and cells(text, "joy")[-1] == ""
    assert cells(text, "RAVDESS, male actors not heard")[0] == "60.00"
    assert cells(text, "RAVDESS, 5-fold by actor, 8 classes")[1] == "≥ 82: missed"
    assert cells(text, "FER+ test, 3130 pictures, accuracy") == ["88.10", "≥ 88: met"]


def test_words_by_what_was_done_to_them(shipped: Evaluated) -> None:
    text = markdown(shipped, ["words"])
    first, now, *more, wanted = cells(text, "as written")
    assert (first, now, wanted) == ("62.00 ± 1.00", "62.00", "≥ 62.5: missed")
    assert more == ["40.00 ± 0.00", "60.0 ± 0.0", "0.050 ± 0.000", "–", "400 ± 0", "–"]
    assert cells(text, "through whisper-tiny.en")[-4:] == [
        "9.5 ± 0.0",
        "400 ± 0",
        "61.00 ± 0.00",
        "≥ 52: missed",
    ]
    assert "(joe, slt)" in text
    assert cells(text, "through whisper-base")[0] == "no heard lines given"
    assert cells(text, "EmoBERTa-large, past lines only") == ["64.55", "68.57"]
    unmeasured = markdown(Evaluated(now=(measured(1).model_copy(update={"words": None}),)), ["words"])
    assert cells(unmeasured, "as written")[0] == "not measured"


def test_what_is_beside_the_words(shipped: Evaluated) -> None:
    text = markdown(shipped, ["drawn"])
    assert cells(text, "nothing")[:2] == ["68.00 ± 1.00", "68.00"]
    assert cells(text, "happy face, every line")[-2:] == ["96.0 ± 0.0", "≥ 60: met; kept ≥ 95: met"]
    assert cells(text, "a person who smiles in half of the lines, else drawn")[-1] == "≥ 62.5: met"
    assert cells(text, "rank correlation") == ["0.800", "≥ 0.6: met"], "measured now"
    kept = replace(shipped, now=())
    assert cells(markdown(kept, ["drawn"]), "rank correlation") == ["0.800 ± 0.100", "≥ 0.6: met"]
    unmeasured = markdown(Evaluated(now=(measured(1).model_copy(update={"drawn": None}),)), ["drawn"])
    assert cells(unmeasured, "nothing")[0] == "not measured"


def test_clips_of_ones_own_stand_beside_no_paper() -> None:
    base = measured(1, matched=False)
    dialogues = base.dialogues.model_copy(update={"corpus": "clips"})
    text = markdown(
        Evaluated(now=(base.model_copy(update={"own": subsets(1), "dialogues": dialogues}),)),
        ["main", "words"],
    )
    assert "Headline: CLIPS test" in text and cells(text, "T+A") == ["59.00"]
    assert "AMuSE" not in text and "EmoBERTa" not in text and "goal" not in cells(text, "as written")[-1]


def test_json_holds_all_tables_and_what_a_bundle_keeps(shipped: Evaluated) -> None:
    plain = json.loads(
        json.dumps(data(Evaluated(now=(measured(1), measured(2)), mosi=mosi_figures()), list(TABLES)))
    )
    assert list(plain["tables"]) == list(NAMES) == list(TABLES)
    again = metrics_of(metrics() | plain["metrics"], "made up")
    assert again is not None and [one.seed for one in again.seeds] == [1, 2]


@pytest.mark.parametrize("name", TABLES)
def test_every_table_is_drawn(shipped: Evaluated, name: str, tmp_path: Path) -> None:
    paths = PLOTS[name](shipped, tmp_path)
    assert paths
    for path in paths:
        assert path.read_bytes()[:4] == b"\x89PNG" and path.stat().st_size > 5_000


def test_bundles_without_figures_and_with_wrong_ones() -> None:
    assert metrics_of({}, "x") is None
    with pytest.raises(UserError, match=r"figures in the bundle x are wrong at 'seeds'.*make it again"):
        metrics_of(metrics() | {"seeds": []}, "x")


def test_the_card_tells_what_is_in_the_figures() -> None:
    text = render(metrics(), {"network": "MELD train", "voice": "RAVDESS speech", "face": "FER+ train"})
    for told in (
        "means over 3 training\nseeds",
        "## Headline",
        "Missing modes on MOSI",
        "## Streaming tax",
        "LICENSE-voice.txt",
        "68.0 % of female and 60.0 % of male",
        "to 45.0 % on EmoDB",
        "| network | 2 | 6 of 8 | 10 min |",
        "emotrack evaluate bundle --table all",
    ):
        assert told in text, told
    with pytest.raises(UserError, match="keeps no figures"):
        render({}, {})


def test_the_card_of_a_network_that_learnt_from_media_speaks_of_them() -> None:
    measured = metrics()
    seeds = [one | {"dialogues": one["dialogues"] | {"corpus": "iemocap"}} for one in measured["seeds"]]
    text = render(measured | {"seeds": seeds, "matching": None}, {"network": "IEMOCAP"})
    assert "Dialogues: IEMOCAP by session" in text
    for untrue in (
        "sitcom",
        "MELD's own",
        "RAVDESS by actor",
        "drawn by its label, in training",
        "## Reproduce",
    ):
        assert untrue not in text, untrue


def test_the_bootstrap_knows_weighted_f1() -> None:
    random = np.random.default_rng(0)
    labels, named = random.integers(3, size=60), random.integers(3, size=60)
    matrices = np.zeros((1, 3, 3), int)
    np.add.at(matrices[0], (labels, named), 1)
    assert weighted_f1_of(np.ones((1, 1), int), matrices)[0] == pytest.approx(
        100 * f1_score(labels, named, average="weighted")
    )


def test_the_bootstrap_is_paired_and_draws_dialogues() -> None:
    random = np.random.default_rng(0)
    labels = random.integers(3, size=300)
    named = np.where(random.random(300) < 0.6, labels, 0)
    dialogues = np.arange(300) // 10
    same = difference(Paired(named, named, labels, dialogues), 3)
    assert (same.difference, same.low, same.high) == (0, 0, 0)
    better = difference(Paired(labels, named, labels, dialogues), 3)
    assert 0 < better.low < better.difference < better.high
    whole = difference(Paired(labels, named, labels, np.zeros(300, int)), 3)
    assert whole.low == whole.difference == whole.high  # one dialogue: every draw is the same


def test_the_shipped_card_is_what_its_figures_say() -> None:
    bundle = load_bundle()
    trained_on = {name: part.trained_on for name, part in bundle.parts.items()}
    assert (default_directory() / CARD).read_text("utf-8") == render(bundle.metrics, trained_on)
