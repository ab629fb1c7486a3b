"""How the shipped weights are made, and how anyone can make them again.

corpora/     the corpora, read into one kind of record
spoken/      lines as a recogniser writes them
features/    what the encoders make of a corpus, kept on disk
loop/        learning, whatever is learnt
tasks/       what is learnt
settings     what every training has in common
run          a training from its configuration, seed by seed
bundles/     what was trained as something that can be tracked with
evaluation/  what that is worth
"""
