"""The dashboard, the scrape and the alerts that ship: what they ask for is what a tracker tells, and the
dashboard leaves nothing of it out; and what is told follows Prometheus' rules."""

import json
import re
import urllib.request
from collections.abc import Iterator
from functools import cache
from typing import Any

import promql_parser
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from emotrack.stream.wire.protocol.messages import Heartbeat
from emotrack.stream.wire.publish.sinks import Outgoing
from emotrack.tracking.tracker import Tracker
from helpers.media.scripted import Scripted, sound, up
from helpers.pages import ROOT
from helpers.sessions import sample_messages as sample
from helpers.sessions.tracking import settings

FOLDER = ROOT / "deploy/monitoring"
PEOPLE = {"speaker", "person", "session", "utterance", "track", "transcript", "text"}
"""What no series may be told apart by."""
SUFFIXES = {
    "counter": ("_total",),
    "gauge": ("",),
    "histogram": ("_bucket", "_sum", "_count"),
    "info": ("_info",),
}


@cache
def families() -> tuple[Any, ...]:
    """What a tracker tells while it runs."""
    pages: list[str] = []

    class Asking:
        """Asks at each heartbeat, on the session's own thread."""

        def write(self, outgoing: Outgoing) -> None:
            if isinstance(outgoing.message, Heartbeat):
                with urllib.request.urlopen(f"{tracker.metrics}/metrics", timeout=5) as answer:
                    pages.append(answer.read().decode())

        def close(self) -> None:
            pass

    light = settings(
        "stream.publish.metrics=127.0.0.1:0",
        "stream.transcription.recogniser=none",
        *(f"engines.{part}=none" for part in ("text", "audio", "face")),
    )
    source = Scripted("hush", [*up("audio"), *sound((3.0, 0.001))])
    with Tracker([source], light, realtime=False, sinks=[Asking()], notify=lambda _: None) as tracker:
        tracker.run()
    return tuple(text_string_to_metric_families(pages[-1]))


def series() -> set[str]:
    """The names that can be asked for, whether there is a value yet or not."""
    return {f"{base(one)}{suffix}" for one in families() for suffix in SUFFIXES[kind(one)]}


def kind(family: Any) -> str:
    """Prometheus' text format knows no info: it is a gauge."""
    return "info" if family.name.endswith("_info") else str(family.type)


def base(family: Any) -> str:
    return str(family.name).removesuffix("_info").removesuffix("_total")


def dashboard() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((FOLDER / "dashboard.json").read_text("utf-8"))
    return loaded


def alerts() -> list[dict[str, Any]]:
    groups = yaml.safe_load((FOLDER / "alerts.yml").read_text("utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def expressions() -> list[str]:
    """Every query of the dashboard, with Grafana's own variables filled in."""
    found = [target["expr"] for panel in dashboard()["panels"] for target in panel.get("targets", ())]
    for variable in dashboard()["templating"]["list"]:
        if variable["type"] == "query":
            found.append(re.sub(r"^label_values\((.*), \w+\)$", r"\1", variable["query"]["query"]))
    names = {variable["name"] for variable in dashboard()["templating"]["list"]}
    filled = [
        re.sub(
            r"\$(\w+)", lambda match: "5m" if match[1] == "__rate_interval" else _known(match[1], names), one
        )
        for one in found
    ]
    assert len(filled) > 20
    return filled


def _known(name: str, names: set[str]) -> str:
    assert name in names, f"there is no variable {name}"
    return "x"


def selectors(node: Any) -> Iterator[Any]:
    """Every series that an expression asks for; fails where it is no PromQL."""
    found: list[Any] = []
    promql_parser.walk(promql_parser.parse(node), lambda one: found.append(one))
    yield from (one for one in found if isinstance(one, promql_parser.VectorSelector))


def test_the_dashboard_asks_for_what_is_told_and_for_all_of_it() -> None:
    asked = {selector.name for expression in expressions() for selector in selectors(expression)}
    assert asked <= series()
    hidden = [one.name for one in families() if not {f"{base(one)}{s}" for s in SUFFIXES[kind(one)]} & asked]
    assert not hidden


def test_the_dashboard_is_one_that_can_be_imported() -> None:
    panels = dashboard()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    places = [panel["gridPos"] for panel in panels]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    taken = [
        (x, y)
        for place in places
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(taken) == len(set(taken)), "two panels lie over each other"
    shown = [panel for panel in panels if panel["type"] != "row"]
    assert all(panel["title"] and panel["description"] and panel["targets"] for panel in shown)
    assert {panel["datasource"]["uid"] for panel in shown} == {"${datasource}"}


def test_alerts_ask_for_what_is_told_and_say_what_to_do() -> None:
    names = [rule["alert"] for rule in alerts()]
    assert len(names) == len(set(names)) > 5
    for rule in alerts():
        assert {selector.name for selector in selectors(rule["expr"])} <= {*series(), "up"}, rule["alert"]
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert rule["annotations"]["summary"].endswith(".") and rule["annotations"]["description"].endswith(
            "."
        )


@pytest.mark.parametrize("name", ["queue", "modality"])
def test_what_a_matcher_names_is_something_that_is_told(name: str) -> None:
    """`audio_blocks` and the like are names of ours: a query that misspells one is silent for ever."""
    told = {"queue": set(), "modality": set(sample.modalities())}[name]
    told |= {one.labels[name] for family in families() for one in family.samples if name in one.labels}
    expressions_of_all = [*expressions(), *(rule["expr"] for rule in alerts())]
    named = {
        matcher.value
        for expression in expressions_of_all
        for selector in selectors(expression)
        for matcher in selector.matchers.matchers
        if matcher.name == name
    }
    assert named and named <= told


def test_the_scrape_loads_the_alerts_and_asks_where_the_pages_say() -> None:
    scrape = yaml.safe_load((FOLDER / "prometheus.yml").read_text("utf-8"))
    assert all((FOLDER / path).is_file() for path in scrape["rule_files"])
    (job,) = scrape["scrape_configs"]
    (place,) = job["static_configs"][0]["targets"]
    assert f"--metrics {place}" in (ROOT / "docs/running.md").read_text("utf-8")
    assert {
        matcher.value
        for rule in alerts()
        for selector in selectors(rule["expr"])
        for matcher in selector.matchers.matchers
        if matcher.name == "job"
    } == {job["job_name"]}


def test_what_is_told_follows_the_rules_of_prometheus() -> None:
    for family in families():
        assert re.fullmatch(r"(emotrack|process)_[a-z][a-z_]*[a-z]", family.name), family.name
        assert family.documentation.endswith("."), family.name
        assert not re.search(r"_(ms|milliseconds|minutes|kb|mb|percent|created)$", base(family)), family.name
        if kind(family) == "histogram":
            assert base(family).endswith("_seconds"), family.name
        for one in family.samples:
            assert not PEOPLE & one.labels.keys(), one
            assert not one.name.endswith("_created"), one
    names = {base(family) for family in families()}
    assert "emotrack_endpoint_to_label_seconds" in names
