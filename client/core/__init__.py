"""The privileged helper and its parts."""
