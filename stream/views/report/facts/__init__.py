"""What a recorded session came to, as numbers.

speaking    who spoke how long
states      how people were over time
turning     where that changed
certainty   how sure the labels are
missing     what was not there, when and why
worth       what labels of a bundle are worth, as it was measured
comparison  two sessions beside each other
agreement   how far their labels agree, and which utterances are the same
intervals   means over utterances, and how far they can be told
"""
