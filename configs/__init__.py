"""Settings as YAML beside this file: profiles for kinds of machines, and the recipes of trainings.

training/  a recipe for each network that is trained
"""
