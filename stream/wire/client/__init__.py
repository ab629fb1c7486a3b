"""The subscriber's side: what a robot installs; imports nothing of ours but the ground and the protocol.

subscription  typed messages, with losses healed
asynchronous  the same on an event loop
progress      which messages are new, and which are missing
snapshots     asking for what holds and for what was missed
connection    why nothing comes
greeting      who answers at an address
"""
