"""Figures beside strongSwan's, in the same lab and run, as ratios. Long; never part of the tests."""
