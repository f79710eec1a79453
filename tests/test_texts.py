"""Every cause has its sentence; what a gateway wrote cannot harm a terminal."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client import texts
from client.model.cause import Cause
from client.model.state import State


def test_every_cause_and_state_has_a_text():
    assert set(texts.CAUSES) == set(Cause)
    assert set(texts.STATES) == {state.value for state in State}


@pytest.mark.parametrize("cause", list(Cause), ids=lambda cause: cause.code)
def test_sentences_are_whole(cause):
    for detail in ("", "seen on the wire"):
        shown = texts.error_text(cause, detail)
        assert (shown.code, shown.stage) == (cause.code, cause.stage.value)
        assert shown.message[0].isupper()
        assert shown.message[-1] in ".)"
        assert shown.advice.endswith(".")
        assert "{" not in shown.message
        assert detail in shown.message or cause is Cause.NO_SUCH_PROFILE


def test_details_are_woven_in():
    offered = "aes256gcm16-prfsha384-ecp384, aes128gcm16-prfsha256-ecp256"
    assert offered in texts.error_text(Cause.NO_COMMON_PROPOSAL, offered).message
    assert "a.example, b.example" in texts.error_text(Cause.GATEWAY_WRONG_NAME, "it has a.example, b.example").message
    assert "2024-01-01" in texts.error_text(Cause.GATEWAY_EXPIRED, "expired 2024-01-01").message


def test_a_detail_that_says_no_more_is_left_out():
    shown = texts.error_text(Cause.GATEWAY_SILENT, "the gateway does not answer")
    assert shown.message == "The gateway does not answer."


def test_a_long_list_of_proposals_is_not_cut():
    offered = ", ".join(f"aes256-sha{n}-modp2048" for n in range(60))
    assert offered in texts.error_text(Cause.NO_COMMON_PROPOSAL, offered).message


def test_a_detail_that_a_gateway_wrote_is_harmless_and_bounded():
    shown = texts.error_text(Cause.USER_REFUSED, "\x1b[31mCall\u202e +1\r\n" + "x" * 9000)
    assert shown.message.startswith(
        "The gateway refused your user name, password, key or certificate: [31mCall +1 xxx")
    assert len(shown.message) < 2200


def test_our_own_words_are_not_the_gateways():
    shown = texts.error_text(Cause.USER_REFUSED, "wrong name or password (E=691)")
    assert shown.message.endswith("key or certificate: wrong name or password (E=691).")


@given(st.text(), st.integers(1, 100))
def test_plain_is_one_harmless_line(text, limit):
    line = texts.plain(text, limit)
    assert len(line) <= limit
    assert not any(unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp") for char in line)
    assert texts.plain(line, limit) == line


def test_braces_in_a_detail_are_only_text():
    assert "{0.__class__}" in texts.error_text(Cause.BAD_SETTINGS, "{0.__class__}").message


def test_unknown_steps_and_states_print_plainly():
    assert texts.step_text("ike-sa-init") == "Agreed on algorithms"
    assert texts.step_text("some-new\nstep") == "Some new step"
    assert texts.state_text("waiting-for-user") == "waiting for you"
    assert texts.state_text("dreaming") == "dreaming"


def test_a_translation_reaches_every_kind_of_text(monkeypatch):
    monkeypatch.setattr(texts, "_translate", texts._translate)
    texts.bind(lambda text: f"<{text}>")
    assert texts.step_text("connected").startswith("<")
    assert texts.state_text("failed") == "<failed>"
    shown = texts.error_text(Cause.USER_REFUSED, "no")
    assert shown.message.startswith("<The gateway refused")
    assert shown.advice.startswith("<")
