"""One feed as utterances: what opens, pauses and ends them, who of those seen said them, and what came of
all.

feed        what is heard and seen of a feed, and the events that follow from it
utterance   one utterance from its first sound to its final label
appearance  which face said it, and what that face and body looked like
summary     what came of a session, feed by feed
"""
