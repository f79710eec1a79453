"""Long runs, each a command; a short form of each is among the interop tests."""
