"""Not a target: faults that the runner must find, before anybody believes that it finds none."""

import time

MAX_LEN = 64
_kept = []


def one(data: bytes) -> None:
    if data[:4] == b"slow":
        while True:
            pass
    if data[:4] == b"leak":
        _kept.append(bytes(600 << 20).replace(b"\0", b"\1"))
        time.sleep(3)
    if len(data) > 5 and data[0] == ord("c") and data[1] == ord("r"):
        raise ValueError("planted")
