import os
import time

import pytest

from tests.platform.lab import HostLab


@pytest.fixture
def lab():
    assert os.geteuid() == 0, "these tests make network namespaces: run them as root"
    lab = HostLab()
    deadline = time.monotonic() + 5
    while "tentative" in lab.ip("-6 addr"):      # link-local addresses are being checked, and snapshots would differ
        assert time.monotonic() < deadline
        time.sleep(0.05)
    yield lab
    lab.close()
