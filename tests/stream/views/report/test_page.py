"""The page: its numbers are the session's, nothing from elsewhere is markup, nothing is fetched, and it is
the same for the same session."""

import re
from functools import cache
from html.parser import HTMLParser

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotrack.stream.views.report.facts.certainty import certainty
from emotrack.stream.views.report.facts.missing import missing
from emotrack.stream.views.report.facts.speaking import overlap, speaking
from emotrack.stream.views.report.facts.turning import turning_points
from emotrack.stream.views.report.page import report
from emotrack.stream.views.report.transcript import LETTERS, LINES, kept_lines, transcript
from emotrack.stream.views.report.wording import lasting, moment, percent, said
from emotrack.stream.wire.protocol.messages import Message
from emotrack.stream.wire.protocol.parts import TranscriptInfo
from emotrack.stream.wire.recordings.conversation import Conversation, gathered
from helpers.recordings.recorded import conversation_of, evening, line, published
from helpers.sessions import sample_messages as sample

WITHOUT_END = {"meta", "br", "link", "img", "hr", "input"}


class Page(HTMLParser):
    """A page taken apart, strictly: every element is closed where it should be."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.cells: list[list[str]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attributes}))
        if tag not in WITHOUT_END:
            self.open.append(tag)
        if tag == "tr":
            self.cells.append([])
        if tag in ("td", "th"):
            self.cells[-1].append("")

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attributes}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open[-1] == tag, (self.open, tag)
        self.open.pop()

    def handle_data(self, text: str) -> None:
        if "style" not in self.open:
            self.text += text
        if self.cells and {"td", "th"} & set(self.open):
            self.cells[-1][-1] += text

    def rows(self, first: str) -> list[list[str]]:
        return [[cell.strip() for cell in row] for row in self.cells if row and row[0].strip() == first]

    @property
    def headings(self) -> list[int]:
        return [int(tag[1]) for tag, _ in self.elements if re.fullmatch(r"h\d", tag)]


def merry() -> Conversation:
    return gathered(published(evening()))


def test_who_spoke_how_long_is_as_computed() -> None:
    page, conversation = Page(report(merry(), None)), merry()
    for one in speaking(conversation):
        cells = [one.person, lasting(one.seconds), percent(one.share), str(one.turns), str(one.utterances)]
        assert [*cells, lasting(one.longest), lasting(one.overlapped)] in page.cells
    assert f"{lasting(overlap(conversation))} of it two or more at once" in page.text


def test_what_was_missing_and_how_sure_is_as_computed() -> None:
    page, conversation = Page(report(merry(), None)), merry()
    for one in missing(conversation):
        (row,) = [row for row in page.rows(one.modality) if "of" in row[3]]
        assert row[3:] == [
            f"{one.utterances} of {len(conversation.utterances)}",
            lasting(one.seconds),
            f"{moment(one.first)}–{moment(one.last)}",
        ]
    sure = certainty(conversation)
    assert sure is not None
    assert f"a confidence of {percent(sure.median)}" in page.text
    assert f"between {percent(sure.low)} and {percent(sure.high)}" in page.text
    assert "no picture: camera covered or dark" in page.text and "The recogniser gave up." in page.text


def test_turning_points_come_with_when_and_the_words() -> None:
    page = Page(report(merry(), None))
    points = turning_points(merry())
    assert points
    for point in points:
        assert moment(point.time) in page.text
        assert point.utterance is not None and point.utterance.transcript is not None
        assert point.utterance.transcript.text in page.text
        (row,) = [row for row in page.cells if row[-1].endswith(point.utterance.transcript.text)]
        assert row[-1][0].isdigit(), "the transcript marks it"


def test_every_line_is_in_the_transcript_with_its_label() -> None:
    page = Page(report(merry(), None))
    for one in merry().utterances:
        assert one.transcript is not None
        (row,) = [row for row in page.cells if row[-1].rstrip().endswith(one.transcript.text)]
        label = f"{one.label} {percent(one.confidence)}"
        assert row[0] == moment(one.start) and row[1] == one.speaker.id and row[2].startswith(label)
        assert ("a guess" in row[2]) == (one.confidence < 0.5)


def test_what_is_usual_for_somebody_is_told_and_where_it_is_not_known_that() -> None:
    text = Page(report(merry(), None)).text
    assert "Told by 11 earlier utterances" in text
    assert "Not known: nothing they said before told it" in text


def test_what_the_newest_label_has_replaced_and_partial_labels_change_nothing() -> None:
    bodies = evening()
    partial = line(40, "ann", 3, 4, "PARTIAL", state="partial", label="anger")
    older = line(0, "ann", 0, 6, "OLDER", label="fear", revision=0)
    newer = [msgspec.structs.replace(one, revision=5) if one is bodies[3] else one for one in bodies]
    found = report(gathered(published([*newer[:3], older, partial, *newer[3:]])), None)
    assert "PARTIAL" not in found and "OLDER" not in found
    assert found == report(gathered(published(newer)), None)


def test_the_same_session_gives_the_same_bytes() -> None:
    assert report(merry(), None).encode() == report(merry(), None).encode()


def check_self_contained(page: str) -> None:
    parsed = Page(page)
    for tag, attributes in parsed.elements:
        assert tag not in ("script", "iframe", "object", "embed", "link", "img", "form", "base"), tag
        for name, value in attributes.items():
            assert not name.startswith("on") and name not in ("src", "srcset", "action", "data"), (tag, name)
            assert name != "href" or value.startswith("#"), value
            assert "url(" not in value.replace("url(#", ""), value
    style = page.partition("<style>")[2].partition("</style>")[0]
    assert "url(" not in style and "@import" not in style
    policy = [attributes.get("content", "") for tag, attributes in parsed.elements if tag == "meta"]
    assert any(one.startswith("default-src 'none'") for one in policy)


def test_nothing_is_fetched_and_nothing_runs() -> None:
    check_self_contained(report(merry(), None))


def test_it_can_be_read_without_seeing_it() -> None:
    page = Page(report(merry(), None))
    assert page.headings[0] == 1 and page.headings.count(1) == 1
    assert all(after <= before + 1 for before, after in zip(page.headings, page.headings[1:], strict=False))
    pictures = [attributes for tag, attributes in page.elements if tag == "svg"]
    assert len(pictures) >= 5
    assert all(one["role"] == "img" and len(one["aria-label"]) > 20 for one in pictures)
    names = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(names) == len(set(names))
    tags = [tag for tag, _ in page.elements]
    assert tags.count("table") == tags.count("caption") and tags.count("figure") == tags.count("figcaption")
    assert all("scope" in attributes for tag, attributes in page.elements if tag == "th")


NOTHING: list[list[Message]] = [
    [],
    [sample.person("kitchen-face1", time=0.0, since=0.0)],
    [line(0, "ann", 0, 0)],
    [line(0, "ann", 1, 2, "")],
    [line(0, "ann", -3, 2, label="envy", scores={})],
    [line(0, "ann", 0, 1e11)],
    [line(0, "ann", 0, 3, modalities={})],
    [sample.feed("video", "down", None, 1e11)],
    [sample.person("ann", time=5.0, since=9.0), sample.person("ann", time=6.0, since=1.0, label="joy")],
]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("bodies", NOTHING, ids=range(len(NOTHING)))
def test_little_or_odd_makes_a_page_too(bodies: list[Message]) -> None:
    check_self_contained(report(conversation_of(*bodies), None))


def test_a_session_that_was_broken_off_says_so() -> None:
    broken = gathered(published(evening()[3:-1]))
    page = report(broken, None)
    assert "broken off" in page and "begins after the session did" in page
    assert "broken off" not in report(merry(), None)


HOSTILE = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from(list("<>&\"'{}%$\\#=/\u202e\u200d\u0000\ud7ff")),
    ),
    max_size=40,
).map(lambda text: text.encode("utf-8", "ignore").decode())


@settings(max_examples=25, deadline=None)
@given(HOSTILE, HOSTILE, HOSTILE)
def test_no_text_from_elsewhere_is_markup(words: str, label: str, reason: str) -> None:
    assert structure(f"w{words}", f"l{label}", f"r{reason}") == structure("words", "label", "reason")


@pytest.mark.parametrize(
    "bad",
    [
        "<script>alert(1)</script>",
        '"><svg onload=alert(1)>',
        "</style><b>",
        "{{ 7 * 7 }}",
        "$x_1$ \\frac{1}{2}",
        "&lt;b&gt;",
        "]]><x>",
        "url(#x)",
    ],
)
def test_known_tricks_stay_text(bad: str) -> None:
    assert structure(bad, bad, bad) == structure("words", "label", "reason")


@cache
def structure(words: str, label: str, reason: str) -> list[tuple[str, list[str]]]:
    """The elements of a page with these texts, without the places that pictures have them at."""
    modalities = sample.modalities(face=sample.masked(reason or "x"))
    transcript = TranscriptInfo(text=words or "x", language=label, asr=words, confidence=None)
    started = sample.session()
    vocabulary = msgspec.structs.replace(started.vocabulary, labels=("neutral", label), name=words)
    engine = msgspec.structs.replace(started.engines[0], model=words, backend=reason)
    bodies: list[Message] = [
        msgspec.structs.replace(started, vocabulary=vocabulary, engines=(engine,)),
        line(0, "ann", 0, 3, label=label, transcript=transcript, modalities=modalities),
        line(1, "ben", 3, 6, label="neutral", transcript=transcript),
        sample.person("ann", time=3.0, since=0.0, label=label),
        sample.person("ann", time=60.0, since=30.0, label="neutral"),
        sample.feed("video", "down", reason, 1.0),
        sample.error(words, 2.0),
        sample.heartbeat(90.0),
        sample.session("ended", reason=reason),
    ]
    page = report(gathered(published(bodies)), None)
    check_self_contained(page)
    elements = Page(page).elements
    return [
        (tag, sorted(set(attributes) - {"lang"})) for tag, attributes in elements if tag not in ("path", "g")
    ]


def test_other_scripts_read_in_their_own_direction() -> None:
    words = TranscriptInfo(text="شكراً جزيلاً یِک‌دِل", language="ar", asr="w", confidence=None)
    page = report(conversation_of(line(0, "ann", 0, 3, transcript=words)), None)
    assert f'dir="auto" lang="ar">{words.text}</td>' in page


def test_invisible_letters_that_steer_are_gone_and_those_that_words_need_stay() -> None:
    assert said("a\u202eb\u200cc\u0007") == "a b\u200cc "


def hours() -> Conversation:
    bodies: list[Message] = [sample.session()]
    for number in range(4_000):
        start = 3.6 * number
        name, label = "abcd"[number % 4], ("neutral", "neutral", "joy", "anger")[number // 3 % 4]
        bodies.append(line(number, name, start, start + 3, f"Line {number}. " + "word " * 30, label=label))
        bodies += [
            sample.person(name, time=start + step, since=start // 60 * 60, label=label) for step in (1, 2, 3)
        ]
    return gathered(published(bodies))


def test_hours_make_a_page_of_a_readable_size() -> None:
    conversation = hours()
    page = report(conversation, None)
    assert conversation.end > 4 * 3600 - 10
    assert len(page.encode()) < 2_000_000
    assert "4,000 lines" in page and "left out" in page and "each place shows" in page
    lines = transcript(conversation, turning_points(conversation))
    assert len(lines) == LINES
    assert all(one.said.label != "neutral" or one.points for one in lines)
    assert sum(one.skipped for one in lines) < 3_000


def test_of_many_lines_those_at_turning_points_stay() -> None:
    conversation = merry()
    points = turning_points(conversation)
    kept = kept_lines(conversation.utterances, points, most=2)
    assert {one.utterance for one in kept} <= {
        point.utterance.utterance for point in points if point.utterance is not None
    } | {one.utterance for one in conversation.utterances if one.label != "neutral"}
    assert list(kept) == sorted(kept, key=lambda one: one.start)


def test_a_line_is_cut_where_it_never_ends() -> None:
    page = report(conversation_of(line(0, "ann", 0, 3, "word " * 20_000)), None)
    assert len(page) < 200_000 and "word " * (LETTERS // 5 + 1) not in page


def test_very_many_people_make_a_page_of_a_readable_size() -> None:
    crowd = conversation_of(*(line(number, f"p{number}", number, number + 1) for number in range(500)))
    page = report(crowd, None)
    assert len(page.encode()) < 1_000_000 and "more people" in page
    assert Page(page).text.count("500 people") >= 1
