"""The command line: one file a command, which imports what is heavy only when it runs, so that `emotrack
--help` is quick.

__main__     the program `emotrack`: all commands by name
options      options that several commands take
terminal     standard streams that are always there, and able to show any letter
aside        what is said to people is written by a thread, and never waited for
logs         what is said as JSON Lines, likewise
doctor       what works here, or of a tracker that runs
tracking/    run, monitor, dashboard, demo, explain, bridge, watch, devices, keys, schema
recordings/  replay, export, report, compare
engines/     what is compiled, built, packed, timed and tried
people/      people who are known by their voices or faces
training/    features, train, evaluate, bundle, calibrate
"""
