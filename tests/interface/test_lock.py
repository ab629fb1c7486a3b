"""The locked requirements: they fit pyproject.toml, agree with one another, carry hashes, and bring nothing
that is not used."""

import re
from collections.abc import Iterator
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

FOLDER = Path(__file__).parents[2] / "requirements"
EXTRAS = {
    "core": (),
    "edge": ("edge", "whisper-tiny"),
    "track": ("track", "offline"),
    "dev": ("track", "offline", "whisper-base", "body", "voices", "train", "dev"),
    "everything": ("track", "offline", "whisper-base", "body", "passt", "voices", "train", "dev"),
}
"""What each lock installs."""


def locked(name: str) -> dict[str, Requirement]:
    """The packages of a lock that this Python and system get."""
    entries = re.split(r"\n(?=\S)", (FOLDER / f"{name}.txt").read_text().replace("\\\n", ""))
    found: dict[str, Requirement] = {}
    for entry in entries:
        if entry.startswith("#"):
            continue
        text, *hashes = entry.split("--hash=")
        requirement = Requirement(text)
        assert hashes and all(one.startswith("sha256:") for one in hashes), entry
        assert str(requirement.specifier).startswith("=="), entry
        if requirement.marker is None or requirement.marker.evaluate():
            found[canonicalize_name(requirement.name)] = requirement
    return found


def asked(*extras: str) -> Iterator[Requirement]:
    """What emotrack's own metadata asks for with these extras, those of other extras among them."""
    for text in requires("emotrack") or ():
        requirement = Requirement(text)
        if requirement.marker is None or any(
            requirement.marker.evaluate({"extra": extra}) for extra in ("", *extras)
        ):
            if requirement.name == "emotrack":
                yield from asked(*requirement.extras)
            else:
                yield requirement


@pytest.mark.parametrize("name", EXTRAS)
def test_a_lock_holds_what_is_asked_for_in_a_version_that_fits(name: str) -> None:
    held = locked(name)
    for requirement in asked(*EXTRAS[name]):
        (version,) = held[canonicalize_name(requirement.name)].specifier
        assert requirement.specifier.contains(version.version, prereleases=True), requirement


def test_locks_agree_on_every_version() -> None:
    everything = locked("everything")
    for name in EXTRAS:
        for package, requirement in locked(name).items():
            assert requirement.specifier == everything[package].specifier, (name, package)


@pytest.mark.parametrize(
    ("name", "unused"),
    [
        ("core", ("numpy", "av", "onnxruntime", "torch")),
        (
            "edge",
            (
                "torch",
                "torchvision",
                "scipy",
                "onnx",
                "onnxscript",
                "scikit-learn",
                "sentence-transformers",
                "ultralytics",
            ),
        ),
        (
            "track",
            (
                "torchaudio",
                "hear21passt",
                "matplotlib",
                "pytest",
                "scikit-learn",
                "sentence-transformers",
                "ultralytics",
            ),
        ),
    ],
)
def test_a_lock_brings_nothing_that_what_it_is_for_does_not_use(name: str, unused: tuple[str, ...]) -> None:
    assert not locked(name).keys() & {*unused}
