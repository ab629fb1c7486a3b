"""What a bundle says of its part `text`: which sentence encoder it adapts, and how far that reads back."""

from pydantic import BaseModel, ConfigDict, Field

from emotrack.engines.dialogue_text import WORDS, Window


class AdapterSettings(BaseModel):
    """What a bundle says of its part `text`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    base: str
    """The sentence encoder that the factors are for."""
    utterances: int = Field(8, ge=0)
    """Preceding lines that are read along."""
    tokens: int = Field(256, ge=WORDS + 3)
    """Tokens read at once; the longest line, its two marks and the start token fit in any case."""

    languages: tuple[str, ...] = ("en",)
    """ISO 639-1 codes of the languages that the factors were learnt on: lines in others are not to be read."""

    @property
    def window(self) -> Window:
        return Window(self.utterances, self.tokens)
