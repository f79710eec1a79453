"""harden_process, in a process of its own."""

import subprocess
import sys

PROGRAM = """
import ctypes, resource
from client.agent.harden import harden_process
libc = ctypes.CDLL(None)
before = libc.prctl(3, 0, 0, 0, 0)
harden_process()
print(before, libc.prctl(3, 0, 0, 0, 0), *resource.getrlimit(resource.RLIMIT_CORE))
"""


def test_no_dumps_and_no_tracing() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    before, *after = done.stdout.split()
    assert before in "12"       # suid_dumpable may be 2
    assert after == ["0", "0", "0"]
