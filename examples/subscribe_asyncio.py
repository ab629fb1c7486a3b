"""Follow trackers on one event loop: `python examples/subscribe_asyncio.py [ENDPOINT]...` (core install)."""

import asyncio
import sys
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, suppress

from emotrack import Emotion, Message, Session, subscribe


async def messages(endpoint: str) -> AsyncGenerator[Message, None]:
    """What `subscribe` yields, losses healed; it blocks and belongs to one thread, so it gets its own."""
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(1) as thread:
        subscription = await loop.run_in_executor(thread, subscribe, endpoint)
        try:
            while True:
                with suppress(TimeoutError):  # half a second at most, or it could not be left in silence
                    yield await loop.run_in_executor(thread, subscription.receive, 0.5)
        finally:
            await loop.run_in_executor(thread, subscription.close)


async def follow(endpoint: str) -> None:
    async with aclosing(messages(endpoint)) as arriving:
        async for message in arriving:
            match message:
                case Emotion(state="final" | "revised") as said:
                    print(said.session, said.speaker.id, said.label, f"{said.confidence:.0%}", flush=True)
                case Session(state="ended"):
                    return


async def main() -> None:
    await asyncio.gather(*map(follow, sys.argv[1:] or ["tcp://127.0.0.1:5556"]))


asyncio.run(main())
