"""`emotrack engines bench`: how quick every backend is that works here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from emotrack.cli.options import (
    ConfigOption,
    OnlyOption,
    ProfileOption,
    SetOption,
)
from emotrack.demo import clip_path
from emotrack.notify import Notify

if TYPE_CHECKING:
    from emotrack.engines.contract.engine import Engine
    from emotrack.engines.contract.spec import Spec
    from emotrack.engines.running.selftest import Pace
    from emotrack.engines.settings import EngineSettings


BATCHES = (1, 4, 16)
_PICTURE = (640, 480)
"""Width and height of the picture in which faces are found."""


def bench(
    profile: ProfileOption = "embedded",
    config: ConfigOption = None,
    overrides: SetOption = None,
    only: OnlyOption = None,
) -> None:
    """Time every backend that works here.

    Each on every network (see `engines list`), in turns, at batches of 1, 4 and 16 where the network takes
    them.
    """
    from emotrack.cli.engines.shown import above, choose, new_progress, new_table, open_all, show
    from emotrack.engines.contract.engine import Engine, Skip, reasons
    from emotrack.engines.running.pool import open_cache

    settings, specs = choose(profile, config, overrides or (), only or ())
    table = new_table(
        "network",
        "backend",
        "difference",
        "memory",
        "built in",
        "batch",
        "median ms",
        "p95 ms",
        "ms an item",
        "to torch",
    )
    left_out: dict[str, list[str]] = {}
    with new_progress() as progress:
        cache = open_cache(settings, above(progress))
        detects = any(spec.name.startswith("face-") for spec in specs)
        task = progress.add_task("timing", total=len(specs) + detects)
        for spec in specs:
            progress.update(task, description=spec.name)
            opened = list(open_all(spec, settings, cache))
            skips = reasons(one for one in opened if isinstance(one, Skip))
            left_out.setdefault(skips, []).append(spec.name)
            for row in _engine_rows(spec, [one for one in opened if isinstance(one, Engine)]):
                table.add_row(spec.name, *row)
            progress.advance(task)
        if detects:
            progress.update(task, description="finding faces")
            for row in _detection_rows(settings, above(progress)):
                table.add_row("finding faces", *row)
            progress.advance(task)
    show(table)
    missing = new_table("not timed", "backends")
    for skips, names in left_out.items():
        if skips:
            missing.add_row(", ".join(names), skips)
    show(missing)


def _engine_rows(spec: Spec, engines: Sequence[Engine]) -> Iterable[tuple[str, ...]]:
    from emotrack.cli.engines.shown import described
    from emotrack.engines.running.selftest import time_engines

    timed = list(time_engines(spec, engines, BATCHES))
    plain = {batch: pace for engine, batch, pace in timed if engine.info.backend == "eager-cpu"}
    for engine, batch, pace in timed:
        yield (
            *described(engine.info),
            f"{engine.info.build_seconds:.1f} s",
            str(batch),
            *_figures(pace, batch, plain.get(batch)),
        )


def _detection_rows(settings: EngineSettings, notify: Notify) -> Iterable[tuple[str, ...]]:
    """Our detector against facenet-pytorch's own code, on the demonstration's first picture."""
    import av
    import torch
    from facenet_pytorch import MTCNN

    from emotrack.engines.encoders.face.detection import open_face_detector
    from emotrack.engines.running.pool import EnginePool
    from emotrack.engines.running.selftest import in_turns

    detector = open_face_detector(EnginePool(settings, notify))
    torch.set_num_threads(settings.threads)
    facenet = MTCNN(keep_all=True)
    with av.open(str(clip_path())) as clip:
        picture = next(clip.decode(video=0)).to_ndarray(width=_PICTURE[0], height=_PICTURE[1], format="rgb24")
    ours, theirs = in_turns(
        [lambda: detector.detect(picture), lambda: facenet.detect(picture, landmarks=True)]
    )
    yield "our engines", "-", "-", "-", "1", *_figures(ours, 1, theirs)
    yield "facenet-pytorch", "-", "-", "-", "1", *_figures(theirs, 1, theirs)


def _figures(pace: Pace, batch: int, plain: Pace | None) -> tuple[str, str, str, str]:
    quicker = "-" if plain is None else f"{plain.median / pace.median:.2f}×"
    return f"{pace.median:.2f}", f"{pace.slow:.2f}", f"{pace.median / batch:.3f}", quicker
