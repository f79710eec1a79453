"""Two engines, a virtual clock and a link with faults by seed."""
