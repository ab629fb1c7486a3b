"""Who speaks: speakers by feed or by voice, and the face that goes with the words."""
