"""What a bundle's manifest says of one of its parts, checked before anything is made of it."""

from typing import TypeVar

from pydantic import BaseModel, ValidationError

from emotrack.model.bundle import Part
from emotrack.model.errors import UserError
from emotrack.model.manifest import REMEDY

Settings = TypeVar("Settings", bound=BaseModel)


def settings_of(part: Part, kind: type[Settings]) -> Settings:
    """The settings of a part, which are to be of this kind; raises `UserError` where they are not as they should be."""
    try:
        return kind.model_validate(part.settings)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(step) for step in first["loc"])
        raise UserError(f"The settings of {part.path} are wrong at {place!r} ({first['msg']}); {REMEDY}.") from None
