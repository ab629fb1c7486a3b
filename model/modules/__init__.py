"""The torch modules that the network and our own small encoders are made of, each with its paper, section and
equation.

unimodal         the tokens of a mode, read both ways
attention        attention over padded tokens
acn              every mode reads from the others
joint_embedding  JE, which stands in for a missing mode
fusion           QAF: the modes as one vector
evidence         voice and vision beside the words, against what is usual for a speaker
context          the dialogue read forwards, and the reviser
small            what our own small networks share
voice            the voice network
face             the expression network
"""
