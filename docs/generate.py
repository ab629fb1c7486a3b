"""Writes what these pages restate of the code: `python docs/generate.py`. A test fails where a page is stale.

What is generated stands in a page between `<!-- generated: NAME -->` and `<!-- end of NAME -->`; all else is
written by hand.
"""

import ast
import inspect
import json
import re
import runpy
import sys
import types
import typing
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, is_dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, TypeAdapter
from pydantic.fields import FieldInfo

ROOT = Path(__file__).parents[1]
PAGES = ROOT / "docs"
TOPS = ("stream", "engines", "model", "training", "configs", "emotrack")
RENEW = "python docs/generate.py"


def pages() -> dict[Path, str]:
    """Every page that has generated parts, as it should be."""
    return {path: renewed(path) for path in sorted(PAGES.glob("*.md")) if _parts_of(path.read_text("utf-8"))}


def _parts_of(text: str) -> list[str]:
    return re.findall(r"<!-- generated: ([\w ]+) -->", text)


def renewed(path: Path) -> str:
    """The page at `path` with its parts as they should be; raises `KeyError` for one that nothing makes."""
    text = path.read_text("utf-8")
    for name in _parts_of(text):
        first, last = f"<!-- generated: {name} -->", f"<!-- end of {name} -->"
        before, rest = text.split(first)
        _, after = rest.split(last)
        text = f"{before}{first}\n\n{PARTS[name](text).strip()}\n\n{last}{after}"
    return text


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table; a bar in a cell is escaped."""
    lines = [list(head), *map(list, rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join("| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |" for line in lines)


def code(words: Iterable[object]) -> str:
    """Words as code, separated by commas."""
    return ", ".join(f"`{word}`" for word in words)


# The house.


def rooms(_: str) -> str:
    """Every folder of code with the first sentence of its docstring, as a nested list."""
    return "\n".join(line for top in TOPS for line in _room(ROOT / top, 0))


def _room(folder: Path, depth: int) -> Iterator[str]:
    yield f"{'  ' * depth}- `{folder.name}/`: {first_sentence(folder / '__init__.py')}"
    for entry in listing(folder):
        if (folder / entry / "__init__.py").is_file():
            yield from _room(folder / entry, depth + 1)


def listing(folder: Path) -> list[str]:
    """What the docstring of a folder lists, in order: files without their suffix, folders with a slash."""
    docstring = ast.get_docstring(ast.parse((folder / "__init__.py").read_text("utf-8"))) or ""
    return re.findall(r"^(\w+/?)  +\S", docstring, re.MULTILINE)


def first_sentence(module: Path) -> str:
    """The first sentence of a module's docstring."""
    docstring = ast.get_docstring(ast.parse(module.read_text("utf-8"))) or ""
    return re.split(r"(?<=\.)\s", docstring.split("\n\n")[0].replace("\n", " "), maxsplit=1)[0]


def _architecture(name: str) -> Any:
    return runpy.run_path(str(ROOT / "tests" / "interface" / "test_architecture.py"))[name]


def imports(_: str) -> str:
    """What each room may import beside itself and the ground, as the test of the architecture has it."""
    allowed: dict[str, set[str]] = _architecture("MAY_IMPORT")
    ground = code(sorted(name.removeprefix("emotrack.") for name in _architecture("GROUND")))
    rows = [[f"`{room}`", code(sorted(others)) or "–"] for room, others in allowed.items()]
    rows.append(["`emotrack.cli`", "everything; nothing imports it"])
    return f"The ground is {ground}, all of them in `emotrack/`.\n\n" + table(("room", "may import"), rows)


def small_files(_: str) -> str:
    """Why each file that is short is a file."""
    rows = [[f"`{path}`", why] for path, why in _architecture("SMALL").items()]
    return table(("file", "why it is one"), rows)


# Settings.


def tracking_settings(_: str) -> str:
    """Every setting of the tracker, a table a section."""
    from emotrack.settings import Settings

    return settings_of(Settings, "", level=3)


def policy_rules(_: str) -> str:
    """Everything that a policy says."""
    from emotrack.settings import Policy

    return settings_of(Policy, "", level=3)


def training_settings(_: str) -> str:
    """Every setting of a training, those that all have first, a table a section."""
    from emotrack.training.run import KINDS
    from emotrack.training.settings import Training

    parts = [f"### Every training\n\n{settings_of(Training, '', level=4)}"]
    for name, kind in KINDS.items():
        training = kind.settings
        own = settings_of(training, "", level=4, without={"train", *Training.model_fields})
        parts.append(f"### `train: {name}`\n\n{documented(training)}\n\n{own}")
    return "\n\n".join(parts)


def settings_of(section: type, prefix: str, level: int, without: Collection[str] = ()) -> str:
    """A table of a section's own settings, and after it those of the sections in it, each under its key."""
    rows, inner = [], []
    for setting in settings_in(section):
        if setting.name in without:
            continue
        key = f"{prefix}{setting.name}"
        held = section_in(setting.kind)
        if held is not None:
            said = setting.meaning or documented(held)
            settings = settings_of(held, f"{key}{_place(setting.kind)}.", level)
            inner.append(f"{'#' * level} `{key}{_place(setting.kind)}`\n\n{said}\n\n{settings}")
        if held is None or held is not setting.kind:
            kind = kind_of(setting.kind, setting.limits)
            rows.append([f"`{key}`", kind, default_of(setting), setting.meaning])
    own = [table(("setting", "type", "default", "meaning"), rows)] if rows else []
    return "\n\n".join([*own, *inner])


@dataclass(frozen=True)
class Setting:
    """One setting, whether a pydantic model or a dataclass has it."""

    name: str
    kind: Any
    """Its type."""
    limits: Sequence[Any]
    """As pydantic has them: objects with `ge`, `lt` and the like."""
    meaning: str
    """Its docstring on one line."""
    default: Any
    """`inspect.Parameter.empty` where it has none."""


def settings_in(section: type) -> Iterator[Setting]:
    """The settings of a pydantic model or of a dataclass."""
    if issubclass(section, BaseModel):
        for name, field in section.model_fields.items():
            default = field.get_default(call_default_factory=True)
            if field.is_required():
                default = inspect.Parameter.empty
            yield Setting(name, field.annotation, field.metadata, one_line(field.description), default)
        return
    described = dict(_documented_fields(section))
    hints = typing.get_type_hints(section, include_extras=True)
    for name, parameter in inspect.signature(section).parameters.items():
        kind, limits = _without_limits(hints[name])
        yield Setting(name, kind, limits, one_line(described.get(name)), parameter.default)


def _without_limits(annotation: Any) -> tuple[Any, Sequence[Any]]:
    """A type, and the limits that `Annotated` gives it."""
    if get_origin(annotation) is not typing.Annotated:
        return annotation, ()
    kind, *given = get_args(annotation)
    return kind, [limit for one in given for limit in (one.metadata if isinstance(one, FieldInfo) else [one])]


def _documented_fields(section: type) -> Iterator[tuple[str, str]]:
    body = ast.parse(inspect.cleandoc(inspect.getsource(section))).body[0]
    assert isinstance(body, ast.ClassDef)
    for field, text in pairwise(body.body):
        match field, text:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(described))):
                yield name, described


def one_line(text: str | None) -> str:
    """A text without its line breaks; empty where there is none."""
    return " ".join((text or "").split())


def documented(section: type) -> str:
    """The first paragraph of a class's docstring on one line."""
    return one_line((inspect.getdoc(section) or "").split("\n\n")[0])


def is_section(kind: Any) -> bool:
    """Whether a type is a group of settings of its own."""
    return isinstance(kind, type) and (issubclass(kind, BaseModel) or is_dataclass(kind))


def section_in(annotation: Any) -> type | None:
    """The group of settings that a setting is, or is a list or a mapping of; None for a single value."""
    if is_section(annotation):
        return annotation
    return next((held for one in get_args(annotation) if (held := section_in(one)) is not None), None)


def _place(annotation: Any) -> str:
    """How a group is named inside a setting: `[]` in a list, `.NAME` in a mapping."""
    return {tuple: "[]", dict: ".NAME"}.get(get_origin(annotation), "")


def kind_of(annotation: Any, limits: Iterable[Any] = ()) -> str:
    """A type in plain words, with its limits."""
    return ", ".join([_kind(annotation), *(word for limit in limits if (word := _limit(limit)))])


_PLAIN = {
    float: "number",
    int: "whole number",
    bool: "true or false",
    str: "text",
    Path: "path",
    type(None): "null",
}


def _kind(annotation: Any) -> str:
    origin, inner = get_origin(annotation), get_args(annotation)
    if annotation in _PLAIN:
        return _PLAIN[annotation]
    if is_section(annotation):
        return "group"
    if origin is Literal:
        return code(inner)
    if origin is typing.Annotated:
        return kind_of(*_without_limits(annotation))
    if origin in (Union, types.UnionType):
        several = [_kind(one) for one in inner if one is not type(None)]
        return " or ".join([*several, "null"] if type(None) in inner else several)
    if origin is tuple:
        return f"list of: {_kind(inner[0])}"
    if origin is dict:
        return f"mapping of: {_kind(inner[0])} to {_kind(inner[1])}"
    raise TypeError(f"nothing says in words what {annotation} is")


_LIMITS = {
    "gt": "above {}",
    "ge": "at least {}",
    "lt": "below {}",
    "le": "at most {}",
    "min_length": "not empty",
}


def _limit(limit: Any) -> str:
    given = [(name, getattr(limit, name)) for name in _LIMITS if getattr(limit, name, None) is not None]
    return ", ".join(_LIMITS[name].format(value) for name, value in given)


def default_of(setting: Setting) -> str:
    """The value that a setting has where nobody sets it, as YAML on one line."""
    if setting.default is inspect.Parameter.empty:
        return "to be given"
    plain = TypeAdapter(setting.kind).dump_python(setting.default, mode="json")
    return "empty" if plain in ("", [], {}) else f"`{plain if isinstance(plain, str) else json.dumps(plain)}`"


# The protocol.


def kinds(page: str) -> str:
    """Every kind of message with the topic of the page's own example of it."""
    from emotrack.stream.wire.protocol.encoding import decode, kind, topic

    schema, rows = _schema(), []
    for block in re.findall(r"^```json\n(\{\"type\".*?)^```$", page, re.MULTILINE | re.DOTALL):
        example = decode(block.encode())
        described = schema[type(example).__name__]["description"]
        rows.append([f"`{kind(example)}`", f"`{topic(example)}`", one_line(described)])
    return table(("kind", "topic of the example", "when"), rows)


def envelope(_: str) -> str:
    """The fields that every message has."""
    from emotrack.stream.wire.protocol.messages import ENVELOPE_FIELDS, KINDS

    properties = _schema()["Heartbeat"]["properties"]
    shared = {name: properties[name] for name in ENVELOPE_FIELDS}
    rows = _field_rows({"type": {**properties["type"], "enum": KINDS}, **shared})
    return table(("field", "type", "meaning"), rows)


def message_fields(_: str) -> str:
    """The fields of every kind of message beside the envelope, and of every value inside one."""
    from emotrack.stream.wire.protocol.messages import ENVELOPE_FIELDS, KINDS

    schema, parts = _schema(), []
    names = [kind.capitalize() for kind in KINDS]
    for name in [*names, *sorted(schema.keys() - set(names))]:
        properties = {
            field: described
            for field, described in schema[name]["properties"].items()
            if name not in names or field not in ("type", *ENVELOPE_FIELDS)
        }
        shown = name.lower() if name in names else name
        rows = table(("field", "type", "meaning"), _field_rows(properties))
        parts.append(f"### Fields of `{shown}`\n\n{schema[name]['description']}\n\n{rows}")
    return "\n\n".join(parts)


def _schema() -> dict[str, Any]:
    from emotrack.stream.wire.protocol.schema import json_schema

    return json_schema()["$defs"]


def _field_rows(properties: dict[str, Any]) -> list[list[str]]:
    rows = []
    for name, described in properties.items():
        rows.append([f"`{name}`", shape(described), one_line(described["description"])])
    return rows


def shape(described: dict[str, Any]) -> str:
    """The type of a field in plain words, without limits that only keep out what is beyond proportion."""
    match described:
        case {"anyOf": several}:
            return " or ".join(shape(one) for one in several)
        case {"$ref": reference}:
            name = reference.rpartition("/")[2]
            return f"[{name}](#fields-of-{name.lower()})"
        case {"enum": values}:
            return " or ".join(f"`{value}`" for value in values)
        case {"type": "array", "items": items}:
            return f"list of: {shape(items)}"
        case {"type": "object", "additionalProperties": values}:
            return f"mapping of name to: {shape(values)}"
        case {"type": "string", "pattern": _}:
            return "id"
        case {"type": "number", "minimum": least, "maximum": most} if abs(most) == 1:
            return f"number from {least} to {most}"
        case {"type": kind}:
            return _WIRE.get(kind, kind)
    raise TypeError(f"nothing says in words what {described} is")


_WIRE = {"string": "text", "integer": "whole number", "boolean": "true or false"}


def vocabulary(_: str) -> str:
    """The labels, and what EmotionML and ROS call them."""
    from emotrack.stream.wire.protocol.vocabulary import EMOTIONML_BIG6, LABELS, ROS4HRI

    big6 = {label: f"`{name}`" if name else "–" for label, name in EMOTIONML_BIG6.items()}
    rows = [[f"`{label}`", big6[label], f"`{ROS4HRI[label]}`"] for label in LABELS]
    return table(("label", "EmotionML big six", "`hri_msgs/Expression` (REP-155)"), rows)


def exports(_: str) -> str:
    """The formats of `emotrack export`."""
    from emotrack.stream.wire.exports.formats import FORMATS

    rows = [[f"`{name}`", one.purpose, one.keeps, one.lacks] for name, one in FORMATS.items()]
    return table(("`--to`", "for", "what comes back from it", "what it cannot carry"), rows)


PARTS = {
    "exports": exports,
    "rooms": rooms,
    "imports": imports,
    "small files": small_files,
    "tracking settings": tracking_settings,
    "policy": policy_rules,
    "training settings": training_settings,
    "kinds": kinds,
    "envelope": envelope,
    "message fields": message_fields,
    "vocabulary": vocabulary,
}
"""What can be generated, by the name in the marker; each is given the page that it stands in."""


def main() -> None:
    """Renew every page that is stale, and say which."""
    for path, text in pages().items():
        if path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")
            sys.stdout.write(f"{path.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()
