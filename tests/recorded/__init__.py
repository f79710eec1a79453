"""Conversations with a real strongSwan, to be had again without one. See README.md."""
