"""What roved changes on the host."""
