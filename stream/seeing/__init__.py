"""What is seen of a feed: faces, their tracks and mouths, bodies."""
