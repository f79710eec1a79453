"""The closed vocabulary: unique codes, and nothing that locks accounts is retried by itself."""

import pytest

from client.bus.interface import METHODS, error_code, error_name
from client.model.cause import Cause, ExitCode, Retry, RoveError, Stage


def test_codes_are_unique_and_found():
    assert len({cause.code for cause in Cause}) == len(Cause)
    assert all(Cause.from_code(cause.code) is cause for cause in Cause)
    with pytest.raises(KeyError):
        Cause.from_code("unheard-of")


@pytest.mark.parametrize("cause", list(Cause), ids=lambda cause: cause.code)
def test_rows(cause):
    assert isinstance(cause.stage, Stage)
    assert cause.exit_code not in (ExitCode.DONE, ExitCode.USAGE)
    assert error_code(error_name(cause.code)) == cause.code


@pytest.mark.parametrize("cause", [cause for cause in Cause if cause.stage in (Stage.GATEWAY_AUTH, Stage.USER_AUTH)],
                         ids=lambda cause: cause.code)
def test_refusals_are_never_retried_by_themselves(cause):
    assert cause.retry is not Retry.BACK_OFF
    wanted = (ExitCode.GATEWAY_NOT_AUTHENTICATED if cause.stage is Stage.GATEWAY_AUTH
              else ExitCode.USER_NOT_AUTHENTICATED)
    assert cause.exit_code is wanted


def test_errors_of_others_are_not_ours():
    assert error_code("org.freedesktop.DBus.Error.Failed") is None


def test_an_error_says_what_was_seen():
    assert str(RoveError(Cause.NO_NETWORK)) == "no-network"
    assert str(RoveError(Cause.NO_NETWORK, "no route")) == "no-network: no route"


def test_every_method_has_an_action_and_a_place():
    assert all(name == row.name and row.action.startswith("org.rovevpn.rove.") for name, row in METHODS.items())
