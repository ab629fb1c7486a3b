"""Who is there, and how they are: faces on the wire, whose they are, and a steady state for each person.

people         the session's people, from what was seen and what was said
face_messages  every face that is followed, as messages
enrolment/     people who are known by name
identities     whose a face is
expressions    what a face shows, and what of that is unusual for it
steady         one person's state: what is known of them lately, and a label with hysteresis
"""
