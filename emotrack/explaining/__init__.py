"""Why a label was given: what each word, sound, part of the face and earlier word did for it, and whether that holds."""
