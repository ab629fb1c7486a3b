"""Follow trackers on one event loop: `python examples/subscribe_asyncio.py [ENDPOINT]...` (core install)."""

import asyncio
import sys

from emotrack import Emotion, Session, subscribe_async


async def follow(endpoint: str) -> None:
    async with subscribe_async(endpoint) as messages:
        async for message in messages:
            match message:
                case Emotion(state="final" | "revised") as said:
                    print(said.session, said.speaker.id, said.label, f"{said.confidence:.0%}", flush=True)
                case Session(state="ended"):
                    return


async def main() -> None:
    await asyncio.gather(*map(follow, sys.argv[1:] or ["tcp://127.0.0.1:5556"]))


asyncio.run(main())
