"""EAP methods, sans-IO."""
