"""Follow a running tracker: `python examples/subscribe.py [ENDPOINT]`. Needs the core install only.

It starts in any order with the tracker, and goes on when that is started again.
"""

import sys
from datetime import datetime

from emotrack import Emotion, Error, Face, Feed, Heartbeat, Person, Session, Speaker, subscribe

with subscribe(sys.argv[1] if len(sys.argv) > 1 else "tcp://127.0.0.1:5556") as messages:
    for message in messages:
        match message:
            case Session(state="started"):
                print("session", message.session, "with", ", ".join(feed.source for feed in message.feeds))
            case Session():
                print("session", message.session, "has ended:", message.reason)
            case Feed():
                print(message.source, message.medium or "feed", "is", message.state, message.reason or "")
            case Speaker(event="alias"):
                print(message.speaker, "turns out to be", message.alias_of)
            case Speaker():
                print(message.speaker, "is new")
            case Emotion(state="partial"):
                pass  # about two a second while somebody speaks
            case Emotion() as said:
                when = datetime.fromtimestamp(said.start_unix_ns / 1e9 + said.start)
                print(f"{when:%H:%M:%S} {said.speaker.id}: {said.label} {said.confidence:.0%} ({said.state})")
            case Person():
                print(f"{message.person} is {message.state}, {message.label} since {message.since:.1f} s")
            case Face(event="appeared" | "lost"):
                print(f"face {message.track} of {message.source} ({message.person}) {message.event}")
            case Face():
                pass  # about two a second of each face that is there
            case Heartbeat():
                if message.lag > 2:
                    print(f"the tracker is {message.lag:.1f} s behind")
            case Error():
                print("error:", message.message)
        sys.stdout.flush()
