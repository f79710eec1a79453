"""Foreign files to profiles."""
