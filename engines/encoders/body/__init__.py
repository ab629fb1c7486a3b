"""Bodies found and described without their faces.

bodies   the networks that find persons, the persons in a picture, and one vector for each
"""
