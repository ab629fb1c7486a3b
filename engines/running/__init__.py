"""From a spec to an engine that all sessions share.

policy    which backends are tried, in which order and precision
loading   out of the cache, else built, compared and kept
pack      everything that tracking needs beside its libraries, read from one folder
pool      the engines of a process
batching  work that waits at the same time is done together
selftest  whether an engine keeps its promises here, and how quick it is
priority  which threads give way to others
"""
