"""A session in a browser, and its messages for programs that speak HTTP.

views         what is shown: a session that runs, or a recording
history       the last messages of a session, as bytes
state         the messages that together say what holds
clients       who follows them, each at their own pace
explanations  why a label was given, asked of `emotrack explain`
pictures      what a camera sees, where it is shown
serving/      the server: what is answered, and to whom
page/         the page itself, for the browser
"""
