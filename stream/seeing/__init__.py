"""What is seen of a feed: faces, their tracks and mouths, bodies.

vision     one thread looks at the frames of every feed
faces      which face is whose from frame to frame, and which mouth moves
hiding     faces made unrecognisable, where people want to be seen by their bodies alone
liveness   a person's face, or only the picture of one
pose       where a head is turned to
quality    whether a face can be read, and why not
recognition  which face is to be looked at for whose it is
sightings  what was seen, frame by frame, and the memory of it
"""
