"""People who are known by name, since a command enrolled them.

store  the folder in which they are kept, encrypted where a key is given
known  who of them it is, or nobody
"""
