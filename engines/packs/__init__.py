"""Engines made for others: packs for machines without torch, and those that come with the package.

packing   makes a pack (running/pack.py reads it)
shipping  makes the engines that come with the package
graphs/   these engines, a folder for each network
"""
