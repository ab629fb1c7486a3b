"""From utterances to labels.

conversations  one conversation for all feeds, or one for each
labels         partials, finals and revisions of one conversation
waiting/       what a label waits for
attribution    who said what, also afterwards
describer      the answer to an utterance: early where it can be had, anew where something changed
evidence       what is known of an utterance, by modality, or why it is not
conversation   the lines before it, with which its words are read
fusing         the network: evidence to one vector, and that to a label in the dialogue
standby        the same network as it is written, for when its engine fails
kept           all of that at rest, for whoever goes on with it
troubles       what fails at the moment, told once
record         labels as they are published, and as they stand
"""
