"""Commands for those who train, measure and calibrate.

features   a corpus described
train      a network trained
bundle     trainings joined into a bundle
evaluate   a bundle measured
calibrate  how sure a bundle may be
"""
