"""What is trained: `face`, `voice`, `text` and `network`, each a `Task` (loop/task.py) with its settings.

text/       the sentence encoder, adapted to dialogue lines
voice       the voice network
voice_base  what its frozen layers make of clips, kept
face        the expression network
network/    AM²-EmoJE
"""
