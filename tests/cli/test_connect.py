"""connect and agent: the agent is asked over the bus, the end has its line and its exit code."""

import asyncio
import os
import signal
import threading
import time
from dataclasses import replace

import pytest

from client.cli import connect
from client.model.cause import Cause, RoveError
from client.model.state import ErrorState, State, TunnelState
from tests.cli import samples

PROFILE = 'name = "work"\n[gateway]\naddress = "g"\n[user]\nauth = "eap-mschapv2"\nidentity = "alice"\n'
CONNECTED = (samples.step("ike-sa-init", 0.02, samples.SUITE), samples.step("gateway-authenticated", 0.15),
             samples.state_event(samples.connected()), samples.step("connected", 0.211))


def then(*events):
    async def after(fake, _sender, *_arguments):
        await fake.emit(*events)
    return after


def test_connected(rove, roved):
    roved.after["Connect"] = then(samples.step("connected", 9, connection="other"), *CONNECTED)
    result = rove("connect", "work", "--timeout", "7")
    assert (result.code, result.err) == (0, "")
    assert result.out.splitlines() == [
        f"   0.02 s  Agreed on algorithms: {samples.SUITE}",
        "   0.15 s  Gateway is who it claims to be",
        f"Connected to work: 10.99.0.10, fd00::10 via wifi0 (NAT), {samples.SUITE}, in 0.21 s"]
    assert roved.called("Connect") == [["work", 7.0]]
    [[options]] = roved.called("RegisterAgent")
    assert options["kind"].value == "cli"


@pytest.mark.parametrize("cause", list(Cause), ids=lambda cause: cause.code)
def test_every_failure_has_its_exit_code(rove, roved, cause):
    roved.after["Connect"] = then(samples.error(cause))
    result = rove("connect", "work")
    assert (result.code, result.out) == (cause.exit_code.value, "")
    assert result.err == "rove: It went wrong.\n      Do better.\n"


def test_a_refusal_that_is_not_final_is_said_at_once(rove, roved):
    roved.after["Connect"] = then(samples.error(Cause.GATEWAY_REFUSES_UDP, "No UDP.", final=False), *CONNECTED)
    result = rove("connect", "work")
    assert (result.code, result.err) == (0, "")
    assert result.out.splitlines()[0].strip() == "No UDP. Still trying …"


def test_connect_itself_is_refused(rove, roved):
    roved.answers["Connect"] = RoveError(Cause.NO_SUCH_PROFILE, "there is no profile of this name")
    assert rove("connect", "work").code == 10
    roved.answers["RegisterAgent"] = RoveError(Cause.NOT_AUTHORISED)
    assert rove("connect", "work").code == 12


def test_roved_that_forgets_the_time(rove, roved, monkeypatch):
    monkeypatch.setattr(connect, "GRACE", 0.2)
    roved.after["Connect"] = then(samples.error(Cause.GATEWAY_SILENT, "Silence.", final=False))
    result = rove("connect", "work", "--timeout", "0.2")
    assert result.code == 3
    assert result.err.startswith("rove: Silence.")
    assert roved.called("Disconnect") == [["work"]]


def test_people_may_take_their_time(rove, roved, monkeypatch):
    monkeypatch.setattr(connect, "GRACE", 0.5)

    async def after(fake, _sender, *_arguments):
        waiting = TunnelState("work", State.WAITING_FOR_USER.value, samples.at())
        await fake.emit(samples.state_event(waiting))
        await asyncio.sleep(1.2)
        await fake.emit(samples.state_event(replace(waiting, state="connecting")), *CONNECTED)
    roved.after["Connect"] = after
    assert rove("connect", "work", "--timeout", "0.5").code == 0


@pytest.mark.parametrize(("state", "code"), [
    (samples.connected(), 0),
    (TunnelState("work", State.FAILED.value, samples.at(),
                 last_error=ErrorState("user-refused", "user-auth", "No.", "Try.")), 6),
    (TunnelState("work", State.DISCONNECTED.value, samples.at()), 1),
])
def test_a_final_state_alone_will_do(rove, roved, monkeypatch, state, code):
    monkeypatch.setattr(connect, "LAST_WORDS", 0.1)
    roved.after["Connect"] = then(samples.state_event(state))
    assert rove("connect", "work").code == code


def test_roved_dies(rove, roved):
    async def after(fake, _sender, *_arguments):
        fake.end_soon()
    roved.after["Connect"] = after
    result = rove("connect", "work")
    assert result.code == 8
    assert "roved ended" in result.err


def asking(outcome):
    """Connect asks the agent as roved does; the answer's ending decides."""
    async def after(fake, sender, *_arguments):
        outcome.append(await fake.agent(sender, "Prepare", "work", PROFILE, "connect", 30.0))
        if isinstance(outcome[0], tuple):
            await fake.emit(samples.error(Cause.PROMPT_CANCELLED))
            return
        # EAP-Request/Identity: the agent answers for the user
        outcome.append(await fake.agent(sender, "Eap", "work", bytes([1, 7, 0, 5, 1])))
        outcome.append(await fake.agent(sender, "Cancel", "work"))
        await fake.emit(*CONNECTED)
    return after


def test_the_secret_from_a_descriptor(rove, roved):
    reading, writing = os.pipe()
    os.write(writing, b"geheim\nnot ours")
    outcome = []
    roved.after["Connect"] = asking(outcome)
    result = rove("connect", "work", "--password-fd", str(reading))
    os.close(writing)
    assert (result.code, result.err) == (0, "")
    assert bytes(outcome[1][0]) == bytes([2, 7, 0, 10, 1]) + b"alice"
    assert outcome[2] == []
    assert "geheim" not in result.out


def test_no_secret_to_be_had(rove, roved):
    reading, writing = os.pipe()
    os.close(writing)
    outcome = []
    roved.after["Connect"] = asking(outcome)
    assert rove("connect", "work", "--password-fd", str(reading)).code == 7
    assert outcome[0][0].endswith("prompt_cancelled")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted(rove, roved, number):
    async def after(fake, _sender, *_arguments):
        await fake.emit(CONNECTED[0])
        await asyncio.sleep(0.3)
        os.kill(os.getpid(), number)
    roved.after["Connect"] = after
    result = rove("connect", "work")
    assert result.code == 1
    assert "Cancelled; work is not connected." in result.err
    assert roved.called("Disconnect") == [["work"]]


def test_agent_serves_until_ended(rove, roved):
    outcome = []

    async def ask(fake, sender, *_arguments):
        outcome.append(await fake.agent(sender, "Prepare", "work", PROFILE.replace("work", "x"), "connect", 30.0))
        os.kill(os.getpid(), signal.SIGTERM)
    roved.after["Subscribe"] = ask
    result = rove("agent")
    assert (result.code, result.err) == (0, "")
    assert "Ready to be asked" in result.out
    assert outcome[0][0].endswith("bad_settings")       # it was there, and refused a profile of another name
    [[options]] = roved.called("RegisterAgent")
    assert options["kind"].value == "agent"


def test_agent_registers_with_the_next_roved(rove, roved, on_bus):
    from tests.cli.bus import FakeRoved
    second = FakeRoved(on_bus)

    def drama():
        while not roved.subscribers:
            time.sleep(0.01)
        roved.end()
        with second:
            while not second.subscribers:
                time.sleep(0.01)
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.3)
    thread = threading.Thread(target=drama)
    thread.start()
    result = rove("agent")
    thread.join()
    assert result.code == 0
    assert "roved ended; waiting for it to come back.\nroved is back.\n" in result.out
    assert [arguments[0]["kind"].value for arguments in second.called("RegisterAgent")] == ["agent"]


def test_agent_without_roved(rove):
    assert rove("agent").code == 8
