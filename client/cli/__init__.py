"""rove, the command line."""
