"""Settings of who is speaking."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class SpeakerSettings(BaseModel):
    """How utterances are given to speakers."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    mode: Literal["single", "feed", "voice"] = "feed"
    """`single`: everybody is one speaker; `feed`: one speaker per feed; `voice`: told apart by voice (extra `voices`)."""
    conversations: Literal["together", "apart"] = "together"
    """`together`: the feeds of a session are one conversation, in which each turn is heard in the light of the others;
    `apart`: each feed is a conversation of its own, with the labels that it has alone."""
    same_voice: float = Field(0.86, gt=0, lt=1)
    """Cosine of two voices, both heard for long, from which on they are one speaker's."""
    founding_speech: float = Field(2.0, gt=0)
    """Seconds that an utterance must last for a new speaker to be told from it; a shorter one goes to the nearest speaker."""
    enough_speech: float = Field(3.0, gt=0)
    """Seconds heard of a speaker before their voice counts as known."""
    maximum_speakers: int = Field(8, ge=1)
    """Further voices go to the nearest speaker."""
