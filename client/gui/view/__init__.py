"""What the desktop shows, as values: functions of what roved tells and of the time. Nothing here knows Qt."""
