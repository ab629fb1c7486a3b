"""AM²-EmoJE itself, from stores of features.

settings       how it is trained, and from what
data           the dialogues of the stores, and voices and faces to draw for them
dialogues      a batch of dialogues
matching       voices and faces drawn by label
objective      the loss of a batch
joint_fitting  the joint embedding's own fit
task           the network as a task of the loop
evaluation     what it says of held-out dialogues
"""
