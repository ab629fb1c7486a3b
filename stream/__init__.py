"""From sources to published labels: the live tracker.

sources/        sound and pictures, stamped when they were captured
session/        one session: its readers, the order in which things arrive, the loop, its health
hearing/        what is heard: blocks, voice activity, where speech begins and ends
seeing/         what is seen: faces, bodies, and whether they can be read
utterances/     what a feed's utterances are, from what is heard and seen of it
transcription/  what is said
speakers/       who says it
people/         who is there, and how they are
labels/         what all of that is evidence of
wire/           the labels on their way to others
views/          what people look at: a terminal, a browser, a page
settings        of all of these
"""
