"""What docs/own-sources.md shows does what it says: its program, its pipe, and its page in a real browser."""

import functools
import http.server
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlencode

import av
import numpy as np
import pytest

from emotrack.demo import clip_path
from emotrack.demo.render import LINES
from emotrack.stream.settings import SourceSettings
from emotrack.stream.sources.media import AudioChunk, MediaItem, MediumChange, VideoFrame
from emotrack.stream.sources.open import open_source
from emotrack.stream.sources.pushed.whip import WhipSource
from emotrack.stream.sources.timing.clock import SessionClock
from helpers.pages import ROOT, blocks

PAGE = ROOT / "docs/own-sources.md"
TOKEN = "a-token-of-24-characters"
PATIENCE = 60.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where `speech.wav` is the demonstration's first line."""
    folder = tmp_path_factory.mktemp("speech")
    resampler = av.AudioResampler("s16", "mono", 16_000)
    with av.open(str(clip_path())) as clip, av.open(str(folder / "speech.wav"), "w") as wav:
        stream = wav.add_stream("pcm_s16le", rate=16_000, layout="mono")
        for frame in clip.decode(audio=0):
            if frame.time is not None and frame.time < LINES[1].start - 0.3:
                for part in resampler.resample(frame):
                    wav.mux(stream.encode(part))
        wav.mux(stream.encode(None))
    return folder


def environment() -> dict[str, str]:
    return {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}


def test_the_program_tells_how_somebody_sounds(folder: Path) -> None:
    (program,) = blocks(PAGE, "python")
    program = program.replace('["stream.pub', '["stream.speakers.mode=feed", "stream.pub')
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, env=environment()
    )
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"robot sounds like joy \(\d+%\)\n", done.stdout)


def test_raw_samples_come_through_a_pipe(folder: Path) -> None:
    if shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg is not on the path")
    (line,) = [block for block in blocks(PAGE, "sh") if "pcm:" in block]
    options = "--fast --publish none --set stream.speakers.mode=feed"
    done = subprocess.run(
        line.replace("pcm:16000", f"pcm:16000 {options}"),
        shell=True,
        cwd=folder,
        capture_output=True,
        text=True,
        env=environment(),
    )
    assert done.returncode == 0, done.stderr
    assert "joy" in done.stdout


def test_a_browser_publishes_with_the_page(tmp_path: Path) -> None:
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("chromium is not on the path")
    (page,) = blocks(PAGE, "html")
    (tmp_path / "publish.html").write_text(page, "utf-8")
    (tmp_path / "whip.token").write_text(TOKEN, "ascii")
    (tmp_path / "whip.token").chmod(0o600)
    source = open_source("whip:0/alice", settings=SourceSettings(whip_token=tmp_path / "whip.token"))
    assert isinstance(source, WhipSource)
    items: list[MediaItem] = []
    stop = threading.Event()
    reading = threading.Thread(target=lambda: items.extend(source.items(SessionClock(), stop)))
    serve = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), serve) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        reading.start()
        address = f"http://127.0.0.1:{server.server_port}/publish.html?"
        command = [
            browser,
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            f"--user-data-dir={tmp_path}/user",
        ]
        command += ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
        command += [address + urlencode({"url": source.url, "token": TOKEN})]
        quiet = subprocess.DEVNULL
        with subprocess.Popen(command, stdout=quiet, stderr=quiet) as process:
            deadline = time.monotonic() + PATIENCE
            while not _both(items) and time.monotonic() < deadline:
                time.sleep(0.1)
            process.terminate()
        server.shutdown()
    stop.set()
    reading.join()
    assert _both(items), [item for item in items if isinstance(item, MediumChange)]


def _both(items: list[MediaItem]) -> bool:
    """Whether two seconds of sound, a beep in them, and ten pictures have come."""
    chunks = [item for item in list(items) if isinstance(item, AudioChunk)]
    pictures = sum(isinstance(item, VideoFrame) for item in list(items))
    seconds = sum(chunk.end - chunk.start for chunk in chunks)
    return seconds > 2 and pictures > 10 and any(np.abs(chunk.samples).max() > 0.05 for chunk in chunks)
