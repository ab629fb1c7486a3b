"""Why a label was given: what each word, sound, part of the face and earlier word did for it, and whether
that holds.

evidence       what each label of a session was made from, kept on disk
utterances     what is to be explained: tracked now, recorded, or in a store
parts          what can be left out of an utterance
contributions  what a label loses without each part
deletion       whether their ranking holds
explanation    all of that of one label, as plain values
report         as words and bars
picture        as one picture
panels         its panels
"""
