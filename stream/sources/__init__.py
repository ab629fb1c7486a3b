"""Where sound and pictures come from: files, pipes, addresses, cameras, microphones. A new kind is a `Source`
(media.py).

media      what a source gives, and what it is
open       from what the user writes to sources that are known to open
names      of feeds, and what people are shown of an address
files/     what has an end: files, pipes, media of an earlier session
pushed/    what others bring: a program, or participants who publish to us
live       what devices and addresses share: a bounded buffer, and coming back when lost
network    streams behind an address
devices/   cameras and microphones
combined   a camera and a microphone as one feed
decoding/  packets in, stamped sound and pictures out
timing/    when something was captured
"""
