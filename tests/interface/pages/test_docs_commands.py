"""What the pages tell people to type works, as far as that can be seen without doing it: each command, option
and setting is there, and the programs run."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import metadata
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from emotrack.cli.__main__ import app
from helpers.pages import BESIDE, PAGES, README, ROOT, blocks, code, name_of, prose
from helpers.sessions import sample_messages as sample
from helpers.sessions.wire import heartbeats, publishing

MADE_UP = ("my.yaml", "late.py", "secret.py", "late.mjs", "F", "FILE")
"""Files that a reader is to write."""


def split(line: str) -> Iterator[list[str]]:
    """The simple commands of a line of shell, each as its words; what an arrow leads to is none."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=";&|<>")
    lexer.whitespace_split, lexer.commenters = True, "#"
    words: list[str] = []
    for word in [*lexer, ";"]:
        if set(word) <= set(";&|<>"):
            yield [one for one in words if one not in ("do", "done", "…")]
            words = []
        else:
            words.append(word)


def commands(page: Path) -> list[list[str]]:
    """Every command in the blocks of a page, whole."""
    text = "\n".join(blocks(page, "sh", "")).replace("\\\n", " ")
    text = re.sub(r"\$\w+", "1", text)  # the first round of a loop
    return [words for line in text.splitlines() if _is_shell(line) for words in split(line) if words]


def mentions(page: Path) -> list[list[str]]:
    """Every command in the sentences of a page, perhaps without what it cannot do without."""
    return [words for found in code(prose(page)) if _is_shell(found) for words in split(found) if words]


_PROGRAMS = {
    *("emotrack", ".venv/bin/emotrack", "python", "python3", "pip", "pytest", "make", "docker", "ffmpeg"),
    "for",
}


def _is_shell(text: str) -> bool:
    return text.partition(" ")[0] in _PROGRAMS and " " in text


def resolved(words: Sequence[str]) -> tuple[Any, list[str], str]:
    """The command that words name, what is left of them, and its name; fails where there is none."""
    command, left, names = typer.main.get_command(app), list(words), ["emotrack"]
    while left and not left[0].startswith("-") and hasattr(command, "commands"):
        name = left.pop(0)
        assert name in command.commands, f"there is no command {' '.join([*names, name])}"
        command = command.commands[name]
        names.append(name)
    return command, left, " ".join(names)


def check(words: list[str], *, whole: bool) -> None:
    """That a command is there with all that is written of it; `whole`: and lacks nothing."""
    program, *rest = words
    if program == "docker" and "emotrack" in rest[1:] and rest[0] == "run":
        program, rest = "emotrack", ["run", *rest[rest.index("emotrack") + 1 :]]  # the image's own beginning
    match Path(program).name, rest:
        case "emotrack", _:
            _check_ours(rest, whole=whole)
        case "python" | "python3", ["-m", module, *_]:
            assert find_spec(module) is not None, module
            if module == "emotrack.training.spoken" and rest[2:]:
                _check_spoken(rest[2:], whole=whole)
        case "python" | "python3", [script, *_] if not script.startswith("-"):
            assert script in MADE_UP or (ROOT / script).is_file(), script
        case "pytest", [*options]:
            assert all((ROOT / path).exists() for path in options if not path.startswith("-")), options
        case "pip", ["install", *what]:
            _check_installing(what)
        case "make", [*goals]:
            makefile = (ROOT / "Makefile").read_text("utf-8")
            rules = re.findall(r"^([\w-]+(?: [\w-]+)*):", makefile, re.MULTILINE)
            wanted = [goal for goal in goals if "=" not in goal]
            assert set(wanted) <= {rule for line in rules for rule in line.split()}, wanted


def _check_ours(words: list[str], *, whole: bool) -> None:
    command, rest, name = resolved(words)
    if hasattr(command, "commands"):  # `emotrack engines` as such
        known = {option for parameter in command.params for option in parameter.opts}
        assert set(rest) <= {"-h", "--help", *known}, rest
        return
    if whole:
        given = command.make_context(name, list(rest)).params
    else:
        context = command.context_class(command, info_name=name)
        given, _, _ = command.make_parser(context).parse_args(list(rest))
    settings = list(given.get("overrides") or [])
    if name == "emotrack train":
        _check_recipe(given.get("config"), settings)
    elif settings:
        from emotrack.settings import load_settings

        load_settings(given.get("profile") or "embedded", None, settings)


def _check_recipe(config: str | None, overrides: Sequence[str]) -> None:
    from pydantic import TypeAdapter

    from emotrack.cli.training.train import read_recipe
    from emotrack.section import override, validate
    from emotrack.training.run import KINDS

    if config is None or config in MADE_UP:
        return
    recipe = read_recipe(config)
    override(recipe, overrides)
    kind: type[Any] = KINDS[recipe["train"]].settings
    validate(TypeAdapter(kind), recipe, "the recipe")


def _check_spoken(words: list[str], *, whole: bool) -> None:
    from emotrack.training.spoken.__main__ import app as spoken

    group = typer.main.get_command(spoken)
    assert words[0] in group.commands, words  # type: ignore[attr-defined]
    if whole:
        group.commands[words[0]].make_context(words[0], words[1:])  # type: ignore[attr-defined]


def _check_installing(what: Sequence[str]) -> None:
    asked = re.findall(r"emotrack\[([\w,-]+)\]", " ".join(what))
    extras = {extra for several in asked for extra in several.split(",")}
    assert extras <= {*(metadata("emotrack").get_all("Provides-Extra") or ())}, extras
    files = [path for option, path in pairwise(what) if option == "-r"]
    assert all((ROOT / path).is_file() for path in files), files


@pytest.mark.parametrize("page", [*PAGES, *BESIDE], ids=name_of)
def test_every_command_in_a_block_is_one(page: Path) -> None:
    for words in commands(page):
        check(words, whole=True)


@pytest.mark.parametrize("page", [*PAGES, *BESIDE], ids=name_of)
def test_every_command_in_a_sentence_is_one(page: Path) -> None:
    for words in mentions(page):
        check(words, whole=False)


def test_commands_are_found() -> None:
    found = [words for page in PAGES for words in commands(page)]
    assert sum(Path(words[0]).name == "emotrack" for words in found) > 30
    assert ["make", "demo"] in found


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ("emotrack fly", "there is no command emotrack fly"),
        ("emotrack run x --loudly", "No such option: --loudly"),
        ("emotrack run", "Missing parameter: sources"),
        ("emotrack explain x --utterance second", "a valid integer"),
        ("emotrack run x --set stream.volume=3", "There is no setting stream.volume"),
        ("emotrack train --config voice --set clip=x", "There is no setting clip"),
        ("pip install 'emotrack[telepathy]'", "telepathy"),
        ("make believe", "believe"),
    ],
)
def test_a_wrong_command_is_not_let_through(wrong: str, why: str) -> None:
    with pytest.raises(Exception, match=re.escape(why)):
        check(next(split(wrong)), whole=True)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_option_in_a_sentence_is_one_of_some_command(page: Path) -> None:
    options = set(_options(typer.main.get_command(app)))
    for words in (found.split() for found in code(prose(page)) if found.startswith("--")):
        assert words[0] in options, words
        if words[0] == "--set" and len(words) > 1:
            assert any(_is_setting(one) for one in words[1:] if one != "--set"), words


def _options(command: Any) -> Iterator[str]:
    for inner in getattr(command, "commands", {}).values():
        yield from _options(inner)
    yield from (name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts))


def _is_setting(override: str) -> bool:
    """Whether this is a setting of the tracker, or of a recipe that ships, with a value that it may have."""
    from emotrack.errors import UserError
    from emotrack.settings import load_settings

    try:
        load_settings(overrides=[override])
    except UserError:
        for recipe in (ROOT / "configs/training").glob("*.yaml"):
            try:
                _check_recipe(recipe.stem, [override])
            except UserError:
                continue
            return True
        return False
    return True


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_block_of_settings_is_accepted(page: Path, tmp_path: Path) -> None:
    from emotrack.settings import Policy, load_policy, load_settings

    for block in blocks(page, "yaml"):
        (config := tmp_path / "my.yaml").write_text(block, "utf-8")
        if yaml.safe_load(block).keys() <= Policy.model_fields.keys():
            load_policy(config)
        else:
            load_settings(config=config)


@contextmanager
def following(program: str, folder: Path) -> Iterator["subprocess.Popen[str]"]:
    """A program of a page that follows a publisher, its lines on a pipe as they come."""
    (script := folder / "program.py").write_text(program, "utf-8")
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, str(script)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("page", [README, ROOT / "docs/running.md"], ids=name_of)
def test_the_subscriber_that_is_shown_tells_of_labels(page: Path, tmp_path: Path) -> None:
    program = blocks(page, "python")[0]
    assert "tcp://127.0.0.1:5556" in program
    with publishing() as (publisher, outbox):
        outbox.emit(sample.session())
        outbox.emit(sample.emotion(1, "spk1"))
        with (
            following(program.replace("tcp://127.0.0.1:5556", publisher.endpoint), tmp_path) as process,
            heartbeats(outbox),  # which show what came before it had connected
        ):
            assert process.stdout is not None
            assert "spk1 is in joy (64%)\n" in (process.stdout.readline() for _ in range(3))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_program_is_python(page: Path) -> None:
    for number, block in enumerate(blocks(page, "python")):
        compile(block, f"{page.name}, program {number}", "exec")
