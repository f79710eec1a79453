"""Carries packets between the TUN device and ESP in UDP."""
