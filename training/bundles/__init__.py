"""Bundles made: from what was trained, joined, calibrated, with their licences and card.

network       a trained network with the encoders that it goes with
bundle        several bundles as one, ready to ship
calibration   how sure a bundle may be, fitted to clips of one's own
card          the model card
joined_model  all-mpnet-base-v2 out of the packages that carry it in pieces
"""
