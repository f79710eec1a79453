"""Collisions of IKE_SA exchanges (RFC 7296 §2.8.2, §2.25.2). → is the client, ← the gateway, × is lost, ⇢ is late."""

import pytest

from client.core.ikev2 import events as ike
from client.core.ikev2.constants import NotifyType
from client.core.ikev2.payloads import Notify
from client.model.cause import Cause
from tests.ikev2.conftest import MakeWorld
from tests.ikev2.crossing import HIGH, LOW, Crossing
from tests.ikev2.dialogue import CHILD, INFO, Said, answer_once, listen, requests
from tests.ikev2.test_established import agree

BOTH = ("client", "gateway")
# (client's Ni, client's Nr), (gateway's Ni, gateway's Nr), who made the IKE_SA that survives
LOWEST = [
    ((LOW, HIGH), (HIGH, HIGH), "gateway"), ((HIGH, HIGH), (HIGH, LOW), "gateway"),
    ((HIGH, HIGH), (LOW, HIGH), "client"), ((HIGH, LOW), (HIGH, HIGH), "client")]


@pytest.fixture
def crossing(connected: MakeWorld) -> Crossing:
    return Crossing(connected(mobike=False))


def survivor_of(crossing: Crossing) -> str:
    """Who made the IKE_SA that is left; the CHILD_SA came over as it was, nothing of it was installed or removed."""
    (sa,) = crossing.world.client._ctx.sas.values()
    assert sa.spi_i != crossing.spi_i
    assert agree(crossing.world) == crossing.child.spi_in
    assert len(crossing.installed("client")) == len(crossing.installed("gateway")) == 1
    assert crossing.deleted("client") == crossing.deleted("gateway") == []
    return "client" if sa.initiator else "gateway"


def refusals(heard: list[Said], who: str) -> list[int]:
    """Error notifies in CREATE_CHILD_SA responses of that side."""
    return [notify.type for said in heard if (said.who, said.exchange, said.response) == (who, CHILD, True)
            for notify in said.of(Notify) if notify.is_error]


@pytest.mark.parametrize(("client", "gateway", "survivor"), LOWEST)
def test_both_rekey(crossing: Crossing, client: tuple[int, int], gateway: tuple[int, int], survivor: str) -> None:
    """→ { SA Ni KEi } ← { SA Ni KEi } → { SA Nr KEr } ← { SA Nr KEr }
    then { D(IKE) } of the old one by who made the survivor, of the redundant one by who made that (§2.8.2)"""
    crossing.nonces(client, gateway)
    heard = listen(crossing.world)
    crossing.rekey_ike(*BOTH)
    crossing.arrives(*BOTH)
    crossing.arrives(*BOTH)
    assert crossing.on_the_way("client") == crossing.on_the_way("gateway") == [("INFORMATIONAL", False)]
    crossing.rest()
    assert survivor_of(crossing) == survivor
    other = "gateway" if survivor == "client" else "client"
    assert requests(heard, survivor, INFO)[0].spi_i == crossing.spi_i
    assert requests(heard, other, INFO)[0].spi_i != crossing.spi_i


@pytest.mark.parametrize("first", BOTH)
@pytest.mark.parametrize(("client", "gateway", "survivor"), LOWEST)
def test_one_acts_before_its_response_is_there(crossing: Crossing, client: tuple[int, int], gateway: tuple[int, int],
                                               survivor: str, first: str) -> None:
    """→ { SA Ni KEi } ← { SA Ni KEi } both answered; { D(IKE) } of one side overtakes its ⇢ { SA Nr KEr }"""
    second = "gateway" if first == "client" else "client"
    crossing.nonces(client, gateway)
    crossing.rekey_ike(*BOTH)
    crossing.arrives(*BOTH)
    crossing.arrives(second)        # first has the answer, and closes one of the two
    assert crossing.on_the_way(first) == [("CREATE_CHILD_SA", True), ("INFORMATIONAL", False)]
    crossing.overtakes(first)
    crossing.rest()
    assert survivor_of(crossing) == survivor


@pytest.mark.parametrize("lost", ["client's request", "gateway's request", "client's response", "gateway's response",
                                  "both responses", "client's delete", "gateway's delete"])
@pytest.mark.parametrize(("client", "gateway", "survivor"), LOWEST)
def test_both_rekey_and_something_is_lost(crossing: Crossing, client: tuple[int, int], gateway: tuple[int, int],
                                          survivor: str, lost: str) -> None:
    """As test_both_rekey, with × of each message in turn: it is sent again"""
    crossing.nonces(client, gateway)
    crossing.rekey_ike(*BOTH)
    whose, _, what = lost.partition("'s ")
    for round_of in ("request", "response", "delete"):
        for who in BOTH:
            if crossing.waiting[who]:
                if (who, round_of) == (whose, what) or (lost == "both responses" and round_of == "response"):
                    crossing.is_lost(who)
                else:
                    crossing.arrives(who)
    crossing.rest(120.0)
    made = survivor_of(crossing)
    if what != "request":       # else one of them was settled before the other came
        assert made == survivor


@pytest.mark.parametrize("late", BOTH)
def test_a_request_comes_after_the_other_rekeying_was_settled(crossing: Crossing, late: str) -> None:
    """⇢ { SA Ni KEi } of one side; the other's { SA Ni KEi } { SA Nr KEr } pass before it: N(TEMPORARY_FAILURE) on what
    is replaced already (§2.25.2), and the other's IKE_SA stands"""
    other = "gateway" if late == "client" else "client"
    heard = listen(crossing.world)
    crossing.rekey_ike(*BOTH)
    crossing.arrives(other)
    crossing.overtakes(late)        # { SA Nr KEr }
    crossing.arrives(late)          # { SA Ni KEi }
    assert refusals(heard, other) == [NotifyType.TEMPORARY_FAILURE]
    crossing.rest()
    assert survivor_of(crossing) == other


@pytest.mark.parametrize("late", BOTH)
def test_a_request_comes_after_its_ike_sa_is_gone(crossing: Crossing, late: str) -> None:
    """⇢ { SA Ni KEi }; the other's { SA Ni KEi } { SA Nr KEr } { D(IKE) } { } all pass before it: nobody is there"""
    other = "gateway" if late == "client" else "client"
    crossing.rekey_ike(*BOTH)
    crossing.arrives(other)
    crossing.overtakes(late)        # { SA Nr KEr }
    crossing.arrives(other)         # { D(IKE) }
    crossing.overtakes(late)        # { }
    crossing.arrives(late)
    assert crossing.on_the_way(other) == []
    crossing.rest(120.0)
    assert survivor_of(crossing) == other


@pytest.mark.parametrize("who", BOTH)
def test_another_group_is_asked_for_in_a_collision(crossing: Crossing, who: str) -> None:
    """→ { SA Ni KEi(19) } ← { SA Ni KEi(19) }, one is answered N(INVALID_KE_PAYLOAD, 20): the other's IKE_SA stands"""
    other = "gateway" if who == "client" else "client"
    wanted = Notify.of(NotifyType.INVALID_KE_PAYLOAD, (20).to_bytes(2, "big"))
    if who == "client":
        answer_once(crossing.world, wanted)
    else:
        itself, said = crossing.world.client._answer, []

        def answer(sa: object, message: object, now: float) -> object:
            said.append(message)
            return [wanted] if len(said) == 1 else itself(sa, message, now)     # type: ignore[arg-type]
        crossing.world.client._answer = answer      # type: ignore[method-assign, assignment]
    crossing.rekey_ike(*BOTH)
    crossing.arrives(*BOTH)
    crossing.arrives(*BOTH)
    crossing.rest()
    assert survivor_of(crossing) == other


# --- IKE_SA × CHILD_SA (§2.25) ---

@pytest.mark.parametrize("lost", ["", "request", "response"])
@pytest.mark.parametrize("of_ike", BOTH)
def test_an_ike_rekeying_crosses_a_child_rekeying(crossing: Crossing, of_ike: str, lost: str) -> None:
    """→ { SA Ni KEi } ← { N(REKEY_SA) … }, or the other way round: both are refused with N(TEMPORARY_FAILURE), the one
    because an IKE_SA is made, the other because a CHILD_SA is (§2.25.2); both are tried again, and succeed"""
    of_child = "gateway" if of_ike == "client" else "client"
    heard = listen(crossing.world)
    crossing.rekey_ike(of_ike)
    crossing.rekey_child(of_child)
    if lost == "request":
        crossing.is_lost(of_ike)
        crossing.arrives(of_child)
    else:
        crossing.arrives(*BOTH)
    if lost == "response":
        crossing.is_lost(of_ike)
    crossing.rest(120.0)
    assert refusals(heard, of_ike)[:1] == [NotifyType.TEMPORARY_FAILURE]
    (sa,) = crossing.world.client._ctx.sas.values()
    assert sa.spi_i != crossing.spi_i
    assert agree(crossing.world) != crossing.child.spi_in


@pytest.mark.parametrize("late", ["ike", "delete"])
@pytest.mark.parametrize("of_ike", BOTH)
def test_an_ike_rekeying_while_an_old_child_is_deleted(crossing: Crossing, of_ike: str, late: str) -> None:
    """A CHILD_SA was replaced; → { D(old) } ← { SA Ni KEi } → { N(TEMPORARY_FAILURE) } ← { D(old) } (§2.25.2): the
    rekeying comes later, and without the old one"""
    of_child = "gateway" if of_ike == "client" else "client"
    heard = listen(crossing.world)
    crossing.rekey_child(of_child)
    crossing.arrives(of_child, of_ike)
    assert crossing.on_the_way(of_child) == [("INFORMATIONAL", False)]
    crossing.rekey_ike(of_ike)
    crossing.arrives(*((of_ike, of_child) if late == "delete" else (of_child, of_ike)))
    crossing.rest(120.0)
    assert refusals(heard, of_child)[:1] == [NotifyType.TEMPORARY_FAILURE]
    (sa,) = crossing.world.client._ctx.sas.values()
    assert sa.spi_i != crossing.spi_i
    assert crossing.deleted("client") == [crossing.child.spi_in]
    agree(crossing.world)


@pytest.mark.parametrize("lost", ["", "request", "response"])
def test_the_gateways_child_delete_crosses_our_ike_rekeying(crossing: Crossing, lost: str) -> None:
    """→ { SA Ni KEi } ← { D(old) } → { D(old) } ← { N(TEMPORARY_FAILURE) }: the gateway is to close one (§2.25.2); the
    only CHILD_SA is gone, and either the connection ends and says why or a new one is made"""
    crossing.rekey_ike("client")
    crossing.gateway_deletes_child()
    if lost == "request":
        crossing.is_lost("client")
        crossing.arrives("gateway")
    else:
        crossing.arrives(*BOTH)
    if lost == "response":
        crossing.is_lost("gateway")
    world = crossing.world
    world.drop = lambda _who, _data: False
    while crossing.waiting["client"] or crossing.waiting["gateway"]:
        crossing.arrives(*(who for who in BOTH if crossing.waiting[who]))
    world.run(60.0)
    failures = [event.cause for event in world.of(ike.Failed)]
    if failures:
        assert failures == [Cause.GATEWAY_CLOSED]
    else:
        crossing.invariants.at_rest()


@pytest.mark.parametrize("lost", ["", "request", "response"])
@pytest.mark.parametrize("leaving", BOTH)
def test_a_rekeying_crosses_the_end(crossing: Crossing, leaving: str, lost: str) -> None:
    """→ { D(IKE) } × ← { SA Ni KEi } → { N(TEMPORARY_FAILURE) } ← { } (§2.25.2): the end is the end, for both"""
    other = "gateway" if leaving == "client" else "client"
    heard = listen(crossing.world)
    crossing.close(leaving)
    crossing.rekey_ike(other)
    if lost == "request":
        crossing.is_lost(leaving)
        crossing.arrives(other)
    else:
        crossing.arrives(other, leaving)
    if lost == "response" and crossing.waiting[other]:
        crossing.is_lost(other)
    world = crossing.world
    world.drop = lambda _who, _data: False
    while crossing.waiting["client"] or crossing.waiting["gateway"]:
        crossing.arrives(*(who for who in BOTH if crossing.waiting[who]))
    world.run(10.0)
    assert refusals(heard, leaving) == [NotifyType.TEMPORARY_FAILURE]
    crossing.invariants.over()
    assert world.gateway._ctx.finished
    assert [event.cause for event in world.of(ike.Failed)] == ([] if leaving == "client" else [Cause.GATEWAY_CLOSED])


@pytest.mark.parametrize("order", [BOTH, BOTH[::-1]])
@pytest.mark.parametrize("lost", [(), ("client",), ("gateway",)])
def test_both_leave(crossing: Crossing, order: tuple[str, str], lost: tuple[str, ...]) -> None:
    """→ { D(IKE) } × ← { D(IKE) } (§1.4.1): each answers the other's, and is done with its own"""
    crossing.close("client")
    crossing.close("gateway")
    crossing.is_lost(*lost)
    crossing.arrives(*(who for who in order if who not in lost))
    world = crossing.world
    world.drop = lambda _who, _data: False
    world.run(10.0)
    assert world.of(ike.Closed)
    assert not world.of(ike.Failed)
    assert world.gateway._ctx.finished


def test_both_rekey_everything(connected: MakeWorld) -> None:
    """IKE_SA and CHILD_SA of both sides at once, four requests in two windows, in each order of arrival"""
    for seed in range(6):
        crossing = Crossing(connected(seed=seed))
        first, second = BOTH if seed % 2 else BOTH[::-1]
        crossing.rekey_ike(first)
        crossing.rekey_child(first, second)
        crossing.rekey_ike(second)
        crossing.arrives(first, second)
        crossing.rest(120.0)
        (sa,) = crossing.world.client._ctx.sas.values()
        assert sa.spi_i != crossing.spi_i
        agree(crossing.world)
