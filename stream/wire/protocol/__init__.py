"""What publisher and subscriber agree on; imports nothing of ours but the ground.

messages    every message
parts       what messages are made of
encoding    a message as bytes, and the topic that it is sent under
vocabulary  the labels, and what they are called elsewhere
schema      the messages as a JSON Schema
snapshots   what the ROUTER socket is asked and answers
pictures    the same for a picture
endpoints   addresses, and where the snapshot socket beside one is
keys        CURVE keys and the allow-list of clients
"""
