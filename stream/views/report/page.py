"""The report of a session as one page of HTML that needs nothing else: no script, no request, no font."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from statistics import median
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from emotrack.stream.views.monitor.view import colour
from emotrack.stream.views.report import wording
from emotrack.stream.views.report.facts.certainty import Certainty, certainty, in_words, sureness, usual
from emotrack.stream.views.report.facts.missing import (
    left_out,
    meaning,
    missing,
    modalities,
    outages,
    shedding,
)
from emotrack.stream.views.report.facts.speaking import Speaking, overlap, speaking
from emotrack.stream.views.report.facts.states import labelled, people, shares, steady
from emotrack.stream.views.report.facts.turning import (
    BESIDE,
    LEAST,
    NOISE,
    STAYED,
    TurningPoint,
    turning_points,
)
from emotrack.stream.views.report.facts.worth import Worth
from emotrack.stream.views.report.pictures import panels
from emotrack.stream.views.report.pictures.charts import Chart
from emotrack.stream.views.report.pictures.persons import how_they_were
from emotrack.stream.views.report.transcript import skipped_last, transcript
from emotrack.stream.wire.recordings.conversation import Conversation

PAGES = Path(__file__).parent / "pages"
PICTURED = 8
"""People who get a picture of their own, those who spoke longest."""
LISTED = 40
"""Rows of a table at most; how many more there are is said."""
LABELS = 12
"""Labels that are told of one person at most, those that took longest."""
POINTS = 20
"""Turning points that are told at most, those that lasted longest or went furthest."""
SEEN = ("face", "body")


@dataclass(frozen=True, kw_only=True)
class Personal:
    """One person in the report."""

    name: str
    speaking: Speaking | None
    shares: Sequence[tuple[str, float]]
    """Labels by their share of the time of their utterances."""
    steadily: Sequence[tuple[str, float]]
    """Steady states by seconds."""
    valence: float | None
    arousal: float | None
    usual: int
    """Earlier utterances against which their last labels weigh what is usual for them."""
    chart: Chart | None


def report(conversation: Conversation, worth: Worth | None, *, themed: bool = True) -> str:
    """The page. `worth`: what is known of the labels' worth, of the bundle that made them; `themed`: dark or
    light as the reader's screen is, which a PDF is not."""
    speakers = speaking(conversation)
    points = told_points(turning_points(conversation))
    sure = certainty(conversation)
    longest = sorted(speakers, key=lambda one: -one.seconds)
    everybody = people(conversation)
    drawn = {one.person for one in longest[:PICTURED]} | set(everybody[: max(0, PICTURED - len(longest))])
    names = list(dict.fromkeys([*(one.person for one in speakers), *everybody]))
    persons = [
        _personal(conversation, name, number, speakers, points, pictured=name in drawn, themed=themed)
        for number, name in enumerate(names)
        if number < LISTED or name in drawn
    ]
    shown = [one for one in speakers if one.person in drawn]
    return rendered(
        "report.html",
        conversation=conversation,
        began=began(conversation),
        persons=persons,
        more_persons=len(names) - len(persons),
        everybody=names,
        speakers=speakers[:LISTED],
        all_speakers=len(speakers),
        spoken=sum(one.seconds for one in speakers),
        overlap=overlap(conversation),
        speaking_chart=panels.who_spoke_when(conversation, shown, themed=themed) if shown else None,
        points=points,
        all_points=len(turning_points(conversation)),
        sure=sure,
        sure_words="" if sure is None else in_words(sure),
        sure_chart=None if sure is None else panels.how_sure(sure, themed=themed),
        missing=missing(conversation)[:LISTED],
        modalities=modalities(conversation),
        looked=bool(conversation.faces)
        or any(
            state.present
            for one in conversation.utterances
            for name, state in one.modalities.items()
            if name in SEEN
        ),
        made_of=panels.what_labels_were_made_of(conversation, themed=themed)
        if modalities(conversation)
        else None,
        outages=outages(conversation)[:LISTED],
        all_outages=len(outages(conversation)),
        left_out=left_out(conversation),
        shedding=shedding(conversation),
        worth=worth,
        lines=transcript(conversation, points),
        skipped_last=skipped_last(conversation, points),
        delay=_delay(conversation),
        in_short=in_short(conversation, speakers, points, sure),
        rule={"stayed": STAYED, "beside": BESIDE, "least": LEAST, "noise": NOISE},
    )


def rendered(template: str, **values: Any) -> str:
    """A template of `pages/`, in which whatever comes from elsewhere is text and never markup."""
    environment = Environment(
        loader=FileSystemLoader(PAGES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    own = (wording.said, wording.lasting, wording.moment, wording.percent, wording.signed, wording.listed)
    for function in (*own, meaning, colour, sureness):
        environment.filters[function.__name__] = function
    environment.globals |= {
        "counted": wording.counted,
        "picture": _picture,
        "style": Markup((PAGES / "style.css").read_text("utf-8")),
    }
    return environment.get_template(template).render(**values)


def _picture(chart: Chart) -> Markup:
    return Markup(chart.svg)


def began(conversation: Conversation) -> str | None:
    """The day and time at which a session began, in UTC; None where it is not known."""
    if not conversation.start_unix_ns:
        return None
    found = datetime.fromtimestamp(conversation.start_unix_ns // 10**9, tz=timezone.utc)
    return f"{found.day} {found:%B %Y, %H:%M} UTC"


def told_points(points: Sequence[TurningPoint]) -> Sequence[TurningPoint]:
    """Those that are told, in order of time: all, or the `POINTS` that matter most."""

    def weight(point: TurningPoint) -> float:
        return (
            point.lasted if point.lasted is not None else 60 * abs(float(point.after) - float(point.before))
        )

    chosen = sorted(points, key=weight, reverse=True)[:POINTS]
    return tuple(point for point in points if point in chosen)


def _personal(
    conversation: Conversation,
    name: str,
    number: int,
    speakers: Sequence[Speaking],
    points: Sequence[TurningPoint],
    *,
    pictured: bool,
    themed: bool,
) -> Personal:
    own = [one for one in conversation.utterances if one.speaker.id == name]
    states = [one for one in conversation.people if one.person == name]
    held: dict[str, float] = {}
    for band in steady(conversation, name):
        held[band.label] = held.get(band.label, 0.0) + band.seconds
    return Personal(
        name=name,
        speaking=next((one for one in speakers if one.person == name), None),
        shares=shares(labelled(conversation, name))[:LABELS],
        steadily=sorted(held.items(), key=lambda one: -one[1])[:LABELS],
        valence=_mean([one.valence for one in own]),
        arousal=_mean([one.arousal for one in own]),
        usual=max([usual(own), *(one.baseline for one in states)]),
        chart=how_they_were(
            conversation, name, f"person-{number + 1}", points, explained=number == 0, themed=themed
        )
        if pictured
        else None,
    )


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _delay(conversation: Conversation) -> float | None:
    """Seconds from the last word to the label, the median over utterances; None where it is not told."""
    found = [
        (one.timing_ms.endpoint + one.timing_ms.total) / 1000
        for one in conversation.utterances
        if one.state == "final" and one.timing_ms.endpoint is not None and one.timing_ms.total is not None
    ]
    return median(found) if found else None


def in_short(
    conversation: Conversation,
    speakers: Sequence[Speaking],
    points: Sequence[TurningPoint],
    sure: Certainty | None,
) -> Sequence[str]:
    """The report in a few sentences."""
    found = []
    longest = sorted(speakers, key=lambda one: -one.seconds)
    match len(longest):
        case 0:
            seen = len(people(conversation))
            found.append(
                f"Nobody spoke; {wording.counted(seen, 'person was', 'people were')} seen."
                if seen
                else "Nobody was heard or seen."
            )
        case 1:
            found.append(f"{longest[0].person} spoke, {wording.lasting(longest[0].seconds)} in all.")
        case number:
            found.append(
                f"{number} people spoke, {longest[0].person} longest: {wording.lasting(longest[0].seconds)}, "
                f"{wording.percent(longest[0].share)} of what was said."
            )
    by_time = shares([band for name in people(conversation) for band in labelled(conversation, name)])
    if by_time:
        told = [f"{wording.said(label, 40)} ({wording.percent(share)})" for label, share in by_time[:3]]
        found.append(f"By time, utterances were mostly labelled {wording.listed(told)}.")
    if sure is not None:
        found.append(in_words(sure))
        found.append(
            f"{wording.counted(len(points), 'turning point is', 'turning points are')} told below."
            if points
            else "No turning point stands out."
        )
    gone = [one for one in missing(conversation) if one.reason != "untrained"]
    if gone:
        most = max(gone, key=lambda one: one.utterances)
        found.append(
            f"Most often missing: {wording.said(most.modality, 40)}, in {most.utterances:,} of "
            f"{wording.counted(len(conversation.utterances), 'utterance')} "
            f"({wording.said(meaning(most.reason), 80)})."
        )
    if conversation.ended is None:
        found.append("The recording was broken off: what came after is not in it.")
    return found
