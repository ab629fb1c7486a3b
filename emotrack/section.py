"""Groups of settings: one base for all of them, composed from YAML texts and single values, validated as a
whole, and listed with what each of them means; what is wrong is said in one sentence."""

import inspect
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from emotrack.errors import UserError

WIDTH = 100
"""Columns of a comment."""

Validated = TypeVar("Validated")


class _Twice(Exception):
    """A key that stands twice in one mapping."""


class _Once(yaml.SafeLoader):
    """Reads plain values, and no mapping that says the same thing twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """See `yaml.SafeLoader`; the last of two would win without a word."""
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise _Twice(key)
        found: dict[Any, Any] = super().construct_mapping(node, deep)
        return found


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
            raise UserError(f"--set {one} is not of the form a.b=value.")
        put(settings, key, _parse_value(value, one))


def read_yaml(path: Path) -> dict[str, Any]:
    """The settings in a YAML file; raises `UserError` where it cannot be read or holds something else."""
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise UserError(f"The configuration {path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise UserError(f"The configuration {path} is not text in UTF-8.") from None
    return parse_yaml(text, str(path))


def parse_yaml(text: str, name: str) -> dict[str, Any]:
    """The settings in a YAML text, which messages call `name`; raises `UserError` where it is none or holds
    something else."""
    try:
        content = yaml.load(text, _Once)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" (line {mark.line + 1})" if mark else ""
        raise UserError(f"{name} is not valid YAML{line}.") from None
    except _Twice as twice:
        raise UserError(f"{name} says {twice} twice: leave one of the two out.") from None
    except (RecursionError, ValueError):  # brackets in brackets without end; more digits than Python reads
        raise UserError(f"{name} is nested too deeply, or holds a number that is too long.") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise UserError(f"{name} must hold settings as `key: value`, not a {type(content).__name__}.")
    return content


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
    for name in path:
        inner = settings.setdefault(name, {})
        if not isinstance(inner, dict):
            raise UserError(f"{dotted} cannot be set: {name} is a single value.")
        settings = inner
    settings[last] = value


def _parse_value(value: str, override: str) -> Any:
    try:
        return yaml.safe_load(value)
    except yaml.YAMLError:
        raise UserError(f"The value in --set {override} is not valid YAML.") from None


def _first_problem(error: ValidationError, listed_by: str) -> str:
    # A key that is misspelt is told before what is missing for want of it.
    problem = next((one for one in error.errors() if one["type"] == "extra_forbidden"), error.errors()[0])
    key = ".".join(str(part) for part in problem["loc"]) or "the settings"
    if problem["type"] == "extra_forbidden":
        return f"There is no setting {key}; {listed_by} lists them."
    if problem["type"] == "missing":
        return f"The setting {key} is missing: add --set {key}=VALUE, or put it into the file."
    return f"{key} is wrong: {problem['msg']}, not {problem['input']!r}."
