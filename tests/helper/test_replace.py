"""ReplaceProfile on the bus."""

import json

import pytest

from tests.helper.world import profile

pytestmark = pytest.mark.interop


def test_an_own_profile_is_replaced_while_it_is_down(start):
    alice = start("alice")
    alice.call("ImportProfile", "sb", profile("changed"), False)
    new = profile("changed").replace("vpn.example.org", "gw.example.org")
    alice.call("Connect", "sd", "changed", 0.0)
    assert alice.call("ReplaceProfile", "ss", "changed", new) == "Error.already_active"
    alice.call("Disconnect", "s", "changed")
    assert alice.call("ReplaceProfile", "ss", "changed", new) is None
    assert alice.call("GetProfile", "s", "changed") == new
    assert alice.call("ReplaceProfile", "ss", "changed", "version = 1") == "Error.bad_settings"
    assert alice.call("ReplaceProfile", "ss", "changed", profile("another")) == "Error.bad_settings"
    assert alice.call("GetProfile", "s", "changed") == new


def test_what_is_not_ones_own_is_not_replaced(start):
    alice, bob, root = start("alice"), start("bob"), start("root")
    alice.call("ImportProfile", "sb", profile("her-own"), False)
    root.call("ImportProfile", "sb", profile("the-machines"), True)
    for name in ("her-own", "the-machines", "nowhere", "../x"):
        answer = bob.call("ReplaceProfile", "ss", name, profile(name) if "/" not in name else profile("x"))
        assert answer in ("Error.no_such_profile", "Error.bad_settings")
    assert [one["gateway"] for one in json.loads(alice.call("ListProfiles")) if one["name"] == "her-own"]
    root.call("DeleteProfile", "s", "the-machines")
