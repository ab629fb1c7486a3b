"""People who are known by their voices or faces: enrolled by an explicit command, listed and forgotten.

app     the commands of `emotrack people`
enroll  `emotrack enroll`
"""
