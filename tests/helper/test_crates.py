"""What is said to be in the TLS engine, beside what cargo has in its lock file."""

import importlib.util
import re
import sys

import pytest

from tests.helper.world import REPO


@pytest.fixture(scope="module")
def crates():
    spec = importlib.util.spec_from_file_location("crates", REPO / "packaging/crates.py")
    module = sys.modules["crates"] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
        yield {crate.name: crate for crate in module.bundled(REPO / "native")}
    finally:
        del sys.modules["crates"]


def test_what_is_linked_and_nothing_of_the_build_or_of_other_systems(crates):
    assert {"rustls", "rustls-webpki", "ring", "pyo3"} <= crates.keys()
    assert not crates.keys() & {"rove-tls", "cc", "syn", "pyo3-macros", "pyo3-build-config", "wasi", "windows-sys"}


def test_every_one_has_its_licence_and_its_checksum(crates):
    for crate in crates.values():
        component = crate.component()
        assert crate.texts, crate.name
        assert re.fullmatch("[0-9a-f]{64}", component["hashes"][0]["content"])
        assert component["purl"] == f"pkg:cargo/{crate.name}@{crate.version}"
        assert re.fullmatch(r"[\w.-]+( (AND|OR) [\w.-]+)*", component["licenses"][0]["expression"])
