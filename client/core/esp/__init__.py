"""ESP packets (RFC 4303), sans-IO."""
