"""`emotrack engines bench`: how quick every backend is that works here."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from emotrack.commands.engine_tables import above, choose, described, new_progress, new_table, open_all, show
from emotrack.demo import clip_path
from emotrack.engines.engine import Engine, Skip, reasons
from emotrack.engines.face_detection import open_face_detector
from emotrack.engines.measuring import Pace, in_turns, time_engines
from emotrack.engines.pool import EnginePool, open_cache
from emotrack.engines.settings import EngineSettings
from emotrack.engines.spec import Spec

BATCHES = (1, 4, 16)
_PICTURE = (640, 480)
"""Width and height of the picture in which faces are found."""


def bench_command(profile: str, config: Path | None, overrides: Sequence[str], only: Sequence[str]) -> None:
    """Every backend that can run a network, timed in turns at several batch sizes; then finding faces; then what was left out."""
    settings, specs = choose(profile, config, overrides, only)
    table = new_table(
        "network", "backend", "difference", "memory", "built in", "batch", "median ms", "p95 ms", "ms an item", "to torch"
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
    timed = list(time_engines(spec, engines, BATCHES))
    plain = {batch: pace for engine, batch, pace in timed if engine.info.backend == "eager-cpu"}
    for engine, batch, pace in timed:
        yield *described(engine.info), f"{engine.info.build_seconds:.1f} s", str(batch), *_figures(pace, batch, plain.get(batch))


def _detection_rows(settings: EngineSettings, say: Callable[[str], None]) -> Iterable[tuple[str, ...]]:
    """Our detector against facenet-pytorch's own code, on the demonstration's first picture."""
    import av
    import torch
    from facenet_pytorch import MTCNN

    detector = open_face_detector(EnginePool(settings, say))
    torch.set_num_threads(settings.threads)
    facenet = MTCNN(keep_all=True)
    with av.open(str(clip_path())) as clip:
        picture = next(clip.decode(video=0)).to_ndarray(width=_PICTURE[0], height=_PICTURE[1], format="rgb24")
    ours, theirs = in_turns([lambda: detector.detect(picture), lambda: facenet.detect(picture, landmarks=True)])
    yield "our engines", "-", "-", "-", "1", *_figures(ours, 1, theirs)
    yield "facenet-pytorch", "-", "-", "-", "1", *_figures(theirs, 1, theirs)


def _figures(pace: Pace, batch: int, plain: Pace | None) -> tuple[str, str, str, str]:
    quicker = "-" if plain is None else f"{plain.median / pace.median:.2f}×"
    return f"{pace.median:.2f}", f"{pace.slow:.2f}", f"{pace.median / batch:.3f}", quicker
