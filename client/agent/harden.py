"""What every process with secrets does first."""

import ctypes
import os
import resource

_PR_SET_DUMPABLE = 4    # linux/prctl.h


def harden_process() -> None:
    """No core dumps, and no reading of our memory by the user's other processes (prctl(2), ptrace(2)).

    Raises OSError when the kernel refuses.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
