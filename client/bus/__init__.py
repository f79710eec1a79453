"""The D-Bus interface and the one client library."""
