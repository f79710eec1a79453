"""What all tests rely on."""

import signal

# A job in the background ignores SIGINT, and so would every program that it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)
