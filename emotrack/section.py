"""Groups of settings: one base for all of them, composed from YAML texts and single values, validated as a
whole, and listed with what each of them means; what is wrong is said in one sentence."""

import inspect
import textwrap
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from reprlib import Repr
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from emotrack.errors import UserError
from emotrack.notify import plain, shorten

WIDTH = 100
"""Columns of a comment."""
LARGEST = 100_000
"""Bytes of a file of settings, of which the largest of ours has a fiftieth."""
DEEPEST = 32
"""Mappings and lists that may lie in one another."""
BRIEF = 200
"""Letters of a wrong value or key that a sentence repeats."""
_BRIEF = Repr()
_BRIEF.maxstring = _BRIEF.maxother = BRIEF

Validated = TypeVar("Validated")


class _NotTaken(yaml.YAMLError):
    """YAML that is not taken for settings; the text goes on after the name of what holds it."""


class _PlainLoader(yaml.SafeLoader):
    """Reads plain values and no more: nothing that takes up room out of all proportion to its text, and no
    mapping that says the same thing twice."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """See `yaml.SafeLoader`, which would follow an alias wherever it leads: a kilobyte of them, each of
        several others, means gigabytes."""
        if self.check_event(yaml.AliasEvent):
            alias = self.get_event()  # type: ignore[no-untyped-call]
            raise _NotTaken(f"has the alias *{brief(alias.anchor)}: write out what it stands for.")
        if self._depth >= DEEPEST:
            raise _NotTaken(f"has settings in more than {DEEPEST} others: there are none so deep.")
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """See `yaml.SafeLoader`, whose conversions raise whatever they meet (`2001-99-99`, `!!bool x`)."""
        line = node.start_mark.line + 1
        try:
            found = super().construct_object(node, deep)
        except yaml.YAMLError:
            raise
        except (ValueError, LookupError, AttributeError, TypeError, ArithmeticError):
            raise _NotTaken(f"has a value that does not fit its kind (line {line}).") from None
        if isinstance(found, int) and found.bit_length() > 64:
            raise _NotTaken(f"has a number out of all proportion (line {line}).")
        if isinstance(found, str) and not _can_be_written(found):
            raise _NotTaken(f"has a zero byte or half a letter in a text (line {line}): take it out.")
        return found

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """See `yaml.SafeLoader`; the last of two would win without a word."""
        found: set[Any] = set()
        for key in (self.construct_object(key, deep=True) for key, _ in node.value):
            if not isinstance(key, Hashable):
                raise _NotTaken(f"has a list or a mapping as a key (line {node.start_mark.line + 1}).")
            if key in found:
                raise _NotTaken(f"says {brief(key)} twice: leave one of the two out.")
            found.add(key)
        constructed: dict[Any, Any] = super().construct_mapping(node, deep)
        return constructed


def _can_be_written(text: str) -> bool:
    """Whether this can name a file, or stand in a message."""
    return "\0" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)


def brief(value: object) -> str:
    """A value as it may stand in a sentence, whatever it is: cut, and without what could steer a terminal."""
    return shorten(plain(value if isinstance(value, str) else _BRIEF.repr(value)), BRIEF)


class Section(BaseModel):
    """A group of settings: unknown keys are refused, values never change after reading, docstrings of fields
    describe them."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


def listed(section: Section, indent: str = "") -> str:
    """A group of settings as YAML that can be read back, each setting under a comment that says what it
    means."""
    lines = []
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        described = field.description or (type(value).__doc__ if isinstance(value, Section) else None)
        if described:
            lines.append(
                textwrap.fill(
                    inspect.cleandoc(described),
                    WIDTH,
                    initial_indent=f"{indent}# ",
                    subsequent_indent=f"{indent}# ",
                )
            )
        if isinstance(value, Section):
            lines.append(f"{indent}{name}:\n{listed(value, indent + '  ')}")
        else:
            plain = section.model_dump(mode="json", include={name})
            lines.append(
                textwrap.indent(yaml.safe_dump(plain, sort_keys=False, allow_unicode=True).rstrip(), indent)
            )
    return "\n".join(lines)


def validate(adapter: TypeAdapter[Validated], merged: Mapping[str, Any], listed_by: str) -> Validated:
    """The settings that `merged` describes; `listed_by` says where a user finds the names of all settings.

    Raises `UserError` for the first thing that is wrong.
    """
    try:
        return adapter.validate_python(merged)
    except ValidationError as error:
        raise UserError(_first_problem(error, listed_by)) from None


def override(settings: dict[str, Any], overrides: Sequence[str]) -> None:
    """Put single values (`a.b=value`, the value in YAML) into `settings`; raises `UserError` where one is not
    of that form."""
    for one in overrides:
        key, separator, value = one.partition("=")
        if not separator or not key:
            raise UserError(f"--set {brief(one)} is not of the form a.b=value.")
        put(settings, key, _parse(value, f"The value in --set {brief(one)}"))


def read_yaml(path: Path) -> dict[str, Any]:
    """The settings in a YAML file; raises `UserError` where it cannot be read or holds something else."""
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
        text = content.decode("utf-8" if len(content) <= LARGEST else "latin-1")  # refused for its size
    except OSError as error:
        raise UserError(f"The configuration {path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise UserError(f"The configuration {path} is not text in UTF-8.") from None
    return parse_yaml(text, str(path))


def parse_yaml(text: str, name: str) -> dict[str, Any]:
    """The settings in a YAML text, which messages call `name`; raises `UserError` where it is none or holds
    something else."""
    content = _parse(text, name)
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise UserError(f"{name} must hold settings as `key: value`, not a {type(content).__name__}.")
    return content


def _parse(text: str, name: str) -> Any:
    if len(text) > LARGEST:
        raise UserError(f"{name} is larger than settings can be ({LARGEST // 1000} kB): name another.")
    try:
        return yaml.load(text, _PlainLoader)
    except _NotTaken as reason:
        raise UserError(f"{name} {reason}") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" (line {mark.line + 1})" if mark else ""
        raise UserError(f"{name} is not valid YAML{line}.") from None


def merge(into: dict[str, Any], other: Mapping[str, Any]) -> None:
    """Put the settings of `other` over those of `into`, key by key."""
    for key, value in other.items():
        if isinstance(value, Mapping) and isinstance(into.get(key), dict):
            merge(into[key], value)
        else:
            into[key] = value


def put(settings: dict[str, Any], dotted: str, value: Any) -> None:
    """Put one value at `a.b.c`; raises `UserError` where something on the way is a single value."""
    *path, last = dotted.split(".")
    if len(path) >= DEEPEST:
        raise UserError(f"There is no setting {brief(dotted)}: none lies so deep.")
    for name in path:
        inner = settings.setdefault(name, {})
        if not isinstance(inner, dict):
            raise UserError(f"{brief(dotted)} cannot be set: {brief(name)} is a single value.")
        settings = inner
    settings[last] = value


def _first_problem(error: ValidationError, listed_by: str) -> str:
    # A key that is misspelt is told before what is missing for want of it.
    problem = next((one for one in error.errors() if one["type"] == "extra_forbidden"), error.errors()[0])
    key = brief(".".join(str(part) for part in problem["loc"])) or "the settings"
    if problem["type"] == "extra_forbidden":
        return f"There is no setting {key}; {listed_by} lists them."
    if problem["type"] == "missing":
        return f"The setting {key} is missing: add --set {key}=VALUE, or put it into the file."
    return f"{key} is wrong: {problem['msg']}, not {_BRIEF.repr(problem['input'])}."
