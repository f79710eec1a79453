"""Rove connects to a real gateway by every way to log in, and packets of both families pass."""

from pathlib import Path

import pytest

from tests.interop.rovetest import connect, connected
from tests.lab import pki, plan
from tests.lab.lab import Lab
from tests.pki import pss

WAYS = ["psk", "cert", "certec", "certed", "mschap"]


@pytest.mark.parametrize("name", WAYS)
def test_connects_and_pings(lab: Lab, name: str) -> None:
    assert not lab.ping("client", plan.CORP_HOST, timeout=0.1)
    shown = connected(lab, name)
    (theirs,) = lab.gateway.sas()
    assert (shown["ike"]["spi_i"], shown["ike"]["spi_r"]) == (theirs.spi_i, theirs.spi_r)
    assert sorted(shown["virtual_ips"]) == sorted(theirs.virtual_ips)
    assert shown["gateway"]["address"] == plan.GATEWAY
    assert lab.ping("client", plan.CORP_HOST)
    assert lab.ping("client", plan.CORP_HOST6)


def test_a_p384_key(lab: Lab) -> None:
    stem = pki.directory() / "client-ec384"
    lab.roved.start(fresh=True)
    file = lab.profile("certec", user={"auth": "certificate", "certificate": f"{stem}.crt", "key": f"{stem}.key"})
    assert lab.rove("import", str(file)).returncode == 0
    assert connect(lab, "certec").returncode == 0
    assert lab.ping("client", plan.CORP_HOST)
    lab.gateway.wait(r"authentication of '.*bob384.*' with ECDSA_WITH_SHA384_DER successful")


def test_a_key_for_pss_alone(lab: Lab, tmp_path: Path) -> None:
    """Its certificate says so (RFC 4055 §1.2), and then we sign by PSS too."""
    folder = pki.directory()
    stem = pss.make(tmp_path, "/C=XX/O=Lab/CN=alice", {}, folder / "int", "email:alice@lab.test")
    bundle = lab.folder / "pss.pem"
    bundle.write_bytes(b"".join(Path(each).read_bytes() for each in (f"{stem}.crt", folder / "int.crt", f"{stem}.key")))
    lab.roved.start(fresh=True)
    file = lab.profile("cert", user={"auth": "certificate", "certificate": str(bundle), "key": ""})
    assert lab.rove("import", str(file)).returncode == 0
    done = connect(lab, "cert")
    assert done.returncode == 0, done.stdout + done.stderr
    assert lab.ping("client", plan.CORP_HOST)
    lab.gateway.wait(r"authentication of '.*alice.*' with RSA_EMSA_PSS_SHA2_512_SALT_64 successful")


def test_a_gateway_that_signs_by_pss(lab: Lab) -> None:
    lab.gateway.start(extra={"rsa_pss": "yes"})
    connected(lab, "cert")
    assert lab.ping("client", plan.CORP_HOST)
    lab.gateway.wait(r"\(myself\) with RSA_EMSA_PSS_SHA2_\d+_SALT_\d+ successful")


@pytest.mark.parametrize("name", WAYS)
def test_connects_over_ipv6(lab6: Lab, name: str) -> None:
    shown = connected(lab6, name, gateway={"address": [plan.GATEWAY6]})
    assert shown["gateway"]["address"] == plan.GATEWAY6
    assert lab6.gateway.sas()[0].remote[0] == plan.UPLINKS["wifi"].client6
    assert lab6.ping("client", plan.CORP_HOST)
    assert lab6.ping("client", plan.CORP_HOST6)
