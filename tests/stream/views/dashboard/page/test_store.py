"""What the page keeps of a session: bounded whatever comes, and the same in whatever pieces it comes."""

import json
from collections.abc import Iterable

import pytest

from emotrack.stream.wire.protocol.encoding import encode
from emotrack.stream.wire.protocol.messages import Message
from emotrack.stream.wire.publish.outbox import Outbox
from helpers.browsing.browser import Page
from helpers.browsing.serving import dashboard, recorded
from helpers.browsing.talk import talk
from helpers.sessions import sample_messages as sample

MANY = """
import("/page/store.js").then(({Store, LIMITS}) => {
  const store = new Store();
  const [emotion, person, face, feed, speaker, error] = TEMPLATES;
  for (let number = 1; number <= 6000; number += 1) {
    const place = {seq: number, session: "s1"};
    const id = `p${number}`;
    const spoken = {utterance: number, start: number, end: number + 0.5, speaker: {...emotion.speaker, id}};
    store.apply({...emotion, ...place, ...spoken});
    store.apply({...person, ...place, person: id, time: number});
    store.apply({...person, ...place, person: "anna", time: number, since: number, utterance: 1});
    store.apply({...face, ...place, track: number, time: number});
    store.apply({...feed, ...place, source: id, state: "down", time: number});
    store.apply({...speaker, ...place, speaker: `x${number}`, alias_of: "anna", time: number});
    store.apply({...error, ...place, time: number});
  }
  const longest = (map) => Math.max(...[...map.values()].map((each) => each.length));
  return {
    limits: LIMITS,
    sizes: {
      utterances: store.utterances.size, people: store.people.size, band: longest(store.bands),
      trail: longest(store.trails), notices: store.notices.length, aliases: store.aliases.size,
      faces: store.faces.size, feeds: store.feeds.size,
    },
    others: [store.bands.size, store.trails.size, store.order.size, store.names().length],
    forgotten: store.forgotten,
    newest: Math.max(...store.utterances.keys()), oldest: Math.min(...store.utterances.keys()),
  };
})
"""
STATE = """
const state = (store) => JSON.stringify([
  [...store.people], [...store.utterances].sort((one, other) => one[0] - other[0]),
  [...store.feeds], [...store.faces],
  store.names(), store.time, store.heartbeat,
]);
"""
HOURS = """
import("/page/store.js").then(({Store}) => {
  const told = TOLD;
  window.kept ??= Object.assign(new Store(), {minutes: 0});
  const {kept} = window;
  for (let minute = 0; minute < 120; minute += 1, kept.minutes += 1) {
    const {minutes} = kept;
    for (const each of told) {
      const later = {...each, scores: {...each.scores}, modalities: {...each.modalities}};
      later.seq += 10_000 * minutes;
      for (const time of ["time", "start", "end", "since"]) if (time in later) later[time] += 60 * minutes;
      if ("utterance" in later) later.utterance += 10 * minutes;
      kept.apply(later);
    }
  }
})
"""


@pytest.fixture
def served(page: Page, tmp_path_factory: pytest.TempPathFactory) -> Iterable[Page]:
    """The page, whose modules can be imported."""
    path = recorded(tmp_path_factory.mktemp("recording") / "talk.jsonl", talk(5))
    with dashboard(str(path)) as address:
        page.open(address)
        yield page


def as_json(bodies: Iterable[Message]) -> str:
    outbox = Outbox("s1")
    return json.dumps([json.loads(encode(outbox.emit(body))) for body in bodies])


def test_what_is_kept_is_bounded(served: Page) -> None:
    kinds: list[Message] = [
        sample.emotion(),
        sample.person(utterance=1),
        sample.face(),
        sample.feed(),
        sample.alias("a", "b"),
    ]
    templates = as_json([*kinds, sample.error()])
    found = served.run(MANY.replace("TEMPLATES", templates))
    limits, sizes = found["limits"], found["sizes"]
    assert set(sizes) == set(limits)
    assert {name: size for name, size in sizes.items() if size > limits[name]} == {}
    assert sizes["utterances"] == limits["utterances"] == 6000 - found["forgotten"]
    assert (found["newest"], found["oldest"]) == (6000, 6001 - limits["utterances"]), "the oldest go first"
    bands, trails, order, _ = found["others"]
    assert max(bands, trails) <= limits["people"] and order <= 4 * limits["people"] + limits["utterances"]


def test_what_was_told_twice_changes_nothing(served: Page) -> None:
    told = as_json(talk(40))
    once, twice, again = served.run(
        f"import('/page/store.js').then(({{Store}}) => {{ {STATE} const told = {told};"
        "const [one, two, three] = [new Store(), new Store(), new Store()];"
        "told.forEach((each) => one.apply(each));"
        "[...told, ...told].forEach((each) => two.apply(each));"
        "[...told, ...told.slice(-60)].forEach((each) => three.apply(each));"
        "return [one, two, three].map(state) })"
    )
    assert once == twice == again


def test_another_session_begins_afresh(served: Page) -> None:
    told = as_json(talk(20))
    left = served.run(
        f"import('/page/store.js').then(({{Store}}) => {{ const told = {told}; const store = new Store();"
        "told.forEach((each) => store.apply(each));"
        "store.apply({...told.find((each) => each.type === 'heartbeat'), session: 's2', seq: 1, time: 1});"
        "const {sessionId, people, utterances, notices, time} = store;"
        "return [sessionId, people.size, utterances.size, notices.length, time] })"
    )
    assert left == ["s2", 0, 0, 0, 1]


def test_the_heap_is_no_larger_after_many_hours(served: Page) -> None:
    """The short form of a day (tests/benchmarks): two hours of two people, and two more, folded at once."""
    heaps = []
    for _ in range(2):
        served.run(HOURS.replace("TOLD", as_json(talk(60))))
        heaps.append(served.heap())
    assert served.run("window.kept.utterances.size") == 2000
    assert heaps[1] < 1.25 * heaps[0] + 2 and heaps[1] < 60
