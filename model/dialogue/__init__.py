"""A running dialogue: its state as one value, how each utterance steps it, and how it is saved.

state          what is known of a dialogue, as one value; what each modality did for a label
dialogue       utterances committed, amended, revised, and speakers merged
plain_context  the same steps by torch, where no engine is wanted
saved          a dialogue at rest
"""
