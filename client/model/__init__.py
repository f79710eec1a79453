"""The vocabulary every layer shares; standard library only."""
