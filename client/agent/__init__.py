"""Credentials, in the user's session."""
