"""roved: D-Bus service, tunnel state, connections."""
