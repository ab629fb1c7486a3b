"""Whose a face is."""

from emotrack.stream.people.identities import Identities, Renamed


def test_the_first_face_of_a_feed_is_its_participants_and_the_next_is_nobodys() -> None:
    people = Identities(one_each=True)
    assert [people.appear(("room", 1)), people.appear(("room", 2))] == ["room", "room-face2"]
    assert people.appear(("hall", 1)) == "hall"
    people.lose(("room", 1))
    assert people.appear(("room", 3)) == "room"


def test_who_speaks_with_a_face_has_it_and_no_other_in_that_feed() -> None:
    people = Identities(one_each=True)
    for number in (1, 2):
        people.appear(("room", number))
    assert people.speak(("room", 2), "room") == []
    assert (people.person(("room", 1)), people.person(("room", 2))) == ("room-face1", "room")


def test_voices_name_the_faces_that_had_names_of_their_own() -> None:
    people = Identities(one_each=False)
    for number in (1, 2):
        people.appear(("room", number))
    assert people.speak(("room", 1), "spk1") == [Renamed("room-face1", "spk1")]
    assert people.speak(("room", 1), "spk1") == []
    assert people.speak(("room", 2), "spk2") == [Renamed("room-face2", "spk2")]
    assert people.speak(("room", 2), "spk1") == [], "a face that has somebody passes without a word"
    assert people.person(("room", 1)) == "room-face1"
    people.rename("spk1", "spk0")
    assert people.person(("room", 2)) == "spk0"
    assert people.speak(("room", 9), "spk1") == [], "a face that is gone is nobody's"
