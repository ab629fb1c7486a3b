"""Bodies found and described without their faces.

bodies   the networks that find persons, the persons in a picture, and one vector for each
posture  where body and head are, and which way the edges run
motion   how a body moved since the look before
"""
