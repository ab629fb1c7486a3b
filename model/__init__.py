"""AM²-EmoJE as plain torch modules, its streaming state, and its trained weights.

network        the whole: tokens of an utterance, fused vector, live label, revised labels
configuration  what it is built from
batch          its input
tokens         the tokens of several utterances in one array
modules/       what it is made of
dialogue/      a running dialogue
bundle         trained weights on disk
manifest       what a bundle says of itself
signature      by whom it was made
formats        what our own small encoders take and give
converted      Whisper's weights, read without its library
weights/       the bundle that ships, with its model card
"""
