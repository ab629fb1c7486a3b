"""The sentence encoder adapted to the emotion of dialogue lines.

settings  from which texts, and how much of each
lines     dialogue lines in batches of passages, and what learns from them
teachers  what earlier adapters say of the same lines
task      the adaptation as a task of the loop
"""
