"""Certificate chains and identities."""
