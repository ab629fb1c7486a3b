"""Profiles: settings for kinds of machines, as YAML beside this file."""
