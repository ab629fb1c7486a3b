"""The networks at work: what describes words, sound, faces and bodies and fuses them, compiled for this
machine.

contract/  what a network is to those who run it
networks/  the networks in torch, written so that they export
backends/  the ways to run one
cache/     compiled engines on disk
running/   from a network to an engine that all sessions share
encoders/  what describes an utterance, a folder for each modality
heads      what fuses it and follows the dialogue
open       opens what the settings ask for and the bundle was trained on
catalogue  every network that would be opened, without running anything
packs/     engines made for others
settings   which encoders run, and where
"""
