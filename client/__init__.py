"""Rove: a roaming IKEv2 VPN client."""
