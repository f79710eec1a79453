"""Roaming, case by case: how long nothing passes, for Rove and for strongSwan's client in the same lab.

Every module here that has ``ROWS`` adds them to the table.
"""
