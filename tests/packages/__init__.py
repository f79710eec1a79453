"""Whole Debian machines with real systemd, logind, polkit and resolved, for the packages: python -m tests.packages."""
