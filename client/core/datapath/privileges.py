"""Giving up every privilege, for good, before the first packet is read.

The packet loop parses what strangers send. All it needs are descriptors that are already open.
"""

import ctypes
import os
import resource
from collections.abc import Iterable

MAX_FILES = 16

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_CAPBSET_DROP = 24
_PR_SET_NO_NEW_PRIVS = 38
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_CLEAR_ALL = 4
_CAPABILITY_VERSION_3 = 0x20080522
_SIGKILL = 9
_CAP_LAST = 63


class PrivilegeError(Exception):
    """Something could not be given up: this process must not go on."""


def close_all_but(keep: Iterable[int]) -> None:
    """Close every descriptor from 3 on that is not in ``keep``."""
    low = 3
    for fd in sorted(set(keep)):
        if fd >= low:
            os.closerange(low, fd)
            low = fd + 1
    os.closerange(low, os.sysconf("SC_OPEN_MAX"))


def drop_privileges(uid: int, gid: int, parent: int) -> None:
    """Become ``uid``:``gid`` without capabilities, and die with ``parent``.

    Raises PrivilegeError. Without root there is no other account to become; everything else is given up all the same.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        if os.geteuid() == 0:
            if uid == 0 or gid == 0:
                raise PrivilegeError("root is not an unprivileged account")
            # Best effort (it needs CAP_SETPCAP): with no_new_privs nothing comes back from the bounding set anyway.
            for capability in range(_CAP_LAST + 1):
                libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
            os.setgroups([])
            os.setresgid(gid, gid, gid)
            os.setresuid(uid, uid, uid)
        _prctl(libc, _PR_SET_NO_NEW_PRIVS, 1)
        _prctl(libc, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
        _clear_capabilities(libc)
        for limit, value in _LIMITS:
            resource.setrlimit(limit, (value, value))
        # Changing the account clears both of these, so they come last.
        _prctl(libc, _PR_SET_DUMPABLE, 0)
        _prctl(libc, _PR_SET_PDEATHSIG, _SIGKILL)
    except (OSError, ValueError) as error:
        raise PrivilegeError(str(error)) from error
    if os.getppid() != parent:
        raise PrivilegeError("the parent is gone already")
    if 0 in os.getresuid() or 0 in os.getresgid():
        raise PrivilegeError("still root")


_LIMITS = (
    (resource.RLIMIT_CORE, 0),
    (resource.RLIMIT_NOFILE, MAX_FILES),
    (resource.RLIMIT_NPROC, 0),   # no process or thread may be started
    (resource.RLIMIT_FSIZE, 0),   # no file may be written (devices and sockets may)
)


def _prctl(libc: ctypes.CDLL, option: int, argument: int) -> None:
    if libc.prctl(option, argument, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def _clear_capabilities(libc: ctypes.CDLL) -> None:
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    if libc.capset(header, (ctypes.c_uint32 * 6)()) != 0:
        raise OSError(ctypes.get_errno(), "capset")
