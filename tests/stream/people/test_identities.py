"""Whose a face is."""

from emotrack.stream.people.identities import Identities, Renamed, name_of
from emotrack.stream.wire.protocol.encoding import IDENTIFIER


def faces(*tracks: tuple[str, int], one_each: bool = False, voiced: bool = False) -> Identities:
    people = Identities(one_each, voiced)
    for track in tracks:
        people.appear(track)
    return people


def test_the_first_face_of_a_feed_is_its_participants_and_the_next_is_nobodys() -> None:
    people = faces(("room", 1), ("room", 2), ("hall", 1), one_each=True)
    owners = [people.person(track) for track in (("room", 1), ("room", 2), ("hall", 1))]
    assert owners == ["room", "room-face2", "hall"]


def test_a_face_that_comes_back_as_another_is_the_participants_again() -> None:
    people = faces(("room", 1), one_each=True)
    people.lose(("room", 1))
    people.appear(("room", 2))
    assert people.person(("room", 2)) == "room"
    people.appear(("room", 3))  # the same face once more, before its last track is lost
    people.lose(("room", 2))
    assert people.person(("room", 3)) == "room"


def test_who_speaks_with_a_face_has_it_and_no_other_in_that_feed() -> None:
    people = faces(("room", 1), ("room", 2), one_each=True)
    assert people.speak(("room", 2), "room") == []
    assert (people.person(("room", 1)), people.person(("room", 2))) == ("room-face1", "room")


def test_voices_name_the_faces_that_had_names_of_their_own() -> None:
    people = faces(("room", 1), ("room", 2), voiced=True)
    assert people.speak(("room", 1), "spk1") == [Renamed("room-face1", "spk1")]
    assert people.speak(("room", 1), "spk1") == []
    assert people.speak(("room", 2), "spk2") == [Renamed("room-face2", "spk2")]
    assert people.speak(("room", 2), "spk1") == [], "a face that has somebody passes without a word"
    assert people.person(("room", 1)) == "room-face1-2", (
        "a name that has become another one is not used again"
    )
    assert people.speak(("room", 9), "spk1") == [], "a face that is gone is nobody's"


def test_without_voices_a_face_passes_on_without_a_word() -> None:
    people = faces(("room", 1), ("room", 2))
    assert people.speak(("room", 1), "spk1") == people.speak(("room", 2), "spk1") == []
    assert (people.person(("room", 1)), people.person(("room", 2))) == ("room-face1", "spk1")


def test_who_turn_out_to_be_one_have_one_face_in_each_feed() -> None:
    people = faces(("room", 1), ("room", 2), ("hall", 1), voiced=True)
    people.speak(("room", 1), "spk1")
    people.speak(("room", 2), "spk2")
    people.speak(("hall", 1), "spk2")
    people.rename("spk2", "spk1")
    owners = [people.person(track) for track in (("room", 1), ("room", 2), ("hall", 1))]
    assert owners == ["room-face1-2", "spk1", "spk1"]


def test_every_name_is_one_that_may_stand_in_a_topic() -> None:
    assert IDENTIFIER.fullmatch(name_of(("a" * 128, 10**9)))
