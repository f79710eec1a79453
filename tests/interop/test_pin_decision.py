"""A gateway that lacks nothing but trust names its key; pinned, it is accepted."""

import re

from tests.interop.rovetest import connect, imported, state
from tests.lab.gateways import PASSWORD
from tests.lab.lab import Lab


def test_the_key_of_a_refused_gateway_can_be_pinned(lab: Lab) -> None:
    lab.roved.start(fresh=True)
    imported(lab, "bad-rogue")
    refused = connect(lab, "bad-rogue", secrets={"--password-fd": PASSWORD})
    assert refused.returncode == 5
    key = re.search(r"; it has proved to have the key (sha256:[0-9a-f]{64})\)\.?\n", refused.stderr)
    assert key, refused.stderr
    path = lab.profile("bad-rogue", name="pinned", gateway={"pin": key[1]})
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if not line.startswith("trust")))
    assert lab.rove("import", str(path)).returncode == 0
    done = connect(lab, "pinned", "bad-rogue", secrets={"--password-fd": PASSWORD})
    assert done.returncode == 0, done.stderr
    assert state(lab, "pinned") == "connected"
