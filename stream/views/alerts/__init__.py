"""Alerts: conditions over how people are, told when they begin to hold and when that is over.

They stand with what people look at, not with the bridges: a bridge passes messages on as they are, an alert
says something that no message says.

condition  what is written as a condition, read and judged
holding    since when a condition holds of each person: raised, and cleared with hysteresis
actions    a command or a web address for each alert, which nothing waits for
webhook    an alert posted to a web address
"""
