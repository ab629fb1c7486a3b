"""What OpenAPI says of the addresses: the document is valid, and what is answered is as it describes."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from starlette.routing import Route, WebSocketRoute

from emotrack import __version__
from emotrack.stream.views.dashboard.clients import Clients
from emotrack.stream.views.dashboard.explanations import Explanations
from emotrack.stream.views.dashboard.serving.application import Api
from emotrack.stream.views.dashboard.views import Recorded
from emotrack.stream.wire.protocol.schema import json_schema
from helpers.sessions import sample_messages as sample
from helpers.sessions.dashboards import API, Dashboard, dashboard, recorded


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recorded(sample.conversation(), tmp_path_factory.mktemp("recording") / "talk.jsonl")


@pytest.fixture(scope="module")
def shown(path: Path) -> Iterator[Dashboard]:
    with dashboard(str(path)) as running:
        yield running


@pytest.fixture(scope="module")
def document(shown: Dashboard) -> Any:
    return shown.ask("/openapi.json").data


def test_the_document_is_valid(document: Any) -> None:
    OpenAPIV31SpecValidator(document).validate()
    assert document["info"]["version"] == __version__


def test_every_address_is_described(document: Any, path: Path) -> None:
    api = Api(Recorded(path), Clients(), Explanations(lambda: None), None)
    served = {route.path for route in api.routes() if isinstance(route, Route | WebSocketRoute)}
    assert set(document["paths"]) == served - {"/openapi.json"}


def test_messages_are_described_as_the_protocol_has_them(document: Any) -> None:
    of_protocol = json.dumps(json_schema()["$defs"]).replace("#/$defs/", "#/components/schemas/")
    described = document["components"]["schemas"]
    assert {name: described[name] for name in json_schema()["$defs"]} == json.loads(of_protocol)


@pytest.mark.parametrize(
    ("asked", "described"),
    [
        ("/health", "/health"),
        (f"{API}/status", f"{API}/status"),
        (f"{API}/state", f"{API}/state"),
        (f"{API}/state?at=50", f"{API}/state"),
        (f"{API}/messages?limit=1000", f"{API}/messages"),
        (f"{API}/messages?limit=3&kind=feed", f"{API}/messages"),
        (f"{API}/state?at=x", f"{API}/state"),
        (f"{API}/messages?kind=mood", f"{API}/messages"),
        (f"{API}/explanation/3", f"{API}/explanation/{{utterance}}"),
        (f"{API}/picture/kitchen", f"{API}/picture/{{source}}"),
        (f"{API}/stream", f"{API}/stream"),
    ],
)
def test_what_is_answered_is_as_described(
    shown: Dashboard, document: Any, asked: str, described: str
) -> None:
    answer = shown.ask(asked)
    responses = document["paths"][described]["get"]["responses"]
    response = responses.get(str(answer.status), responses["default"])
    schema = {**response["content"]["application/json"]["schema"], "components": document["components"]}
    OAS31Validator.check_schema(schema)
    OAS31Validator(schema).validate(answer.data)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["status", "state", "messages", "explanation", "picture", "stream", "", "page"]),
    st.text(max_size=20),
    st.dictionaries(
        st.sampled_from(["at", "after", "limit", "kind", "token"]) | st.text(max_size=5), st.text()
    ),
)
def test_nothing_that_is_asked_is_too_much(
    shown: Dashboard, name: str, rest: str, query: dict[str, str]
) -> None:
    answer = shown.ask(f"{API}/{name}/{quote(rest, safe='')}?{urlencode(query)}")
    assert answer.status in (200, 400, 404), answer
    assert answer.status == 200 or answer.data["error"].endswith(".")
    answer = shown.ask(f"{API}/{name}?{urlencode(query)}")
    assert answer.status in (200, 400, 404), answer


def test_what_is_no_message_is_not_as_described(document: Any) -> None:
    schema = {"$ref": "#/components/schemas/Messages", "components": document["components"]}
    wrong = {"messages": [{"type": "emotion", "schema": "emotrack/1"}], "next": None}
    assert not OAS31Validator(schema).is_valid(wrong)
