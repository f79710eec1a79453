"""rove-tray: Rove on the desktop."""
