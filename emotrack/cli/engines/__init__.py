"""Commands about compiled networks: `emotrack engines …`.

app       their names and options
kept      list, build, pack, clear
bench     every backend, side by side
selftest  whether each keeps its promises
shown     which networks they are about, and how they show what they found
"""
