"""Cipher suites and key exchange, one row each."""
