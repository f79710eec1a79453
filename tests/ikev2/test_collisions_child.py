"""Collisions of CHILD_SA exchanges (RFC 7296 §2.8.1, §2.25.1). → is the client, ← the gateway, × is lost, ⇢ is late.

Where a number follows a message, it is the order of sending; the order of the lines is that of arrival.
"""

import pytest

from client.core.ikev2 import events as ike
from client.core.ikev2.child_sa import ChildState
from client.core.ikev2.constants import NotifyType
from client.core.ikev2.informational import DeleteChild
from client.core.ikev2.payloads import Delete, Notify
from client.model.cause import Cause
from tests.ikev2.conftest import MakeWorld
from tests.ikev2.crossing import HIGH, LOW, Crossing
from tests.ikev2.dialogue import CHILD, INFO, answer_once, listen, requests
from tests.ikev2.test_established import agree

BOTH = ("client", "gateway")
# (client's Ni, client's Nr), (gateway's Ni, gateway's Nr), who made the CHILD_SA that survives
LOWEST = [
    ((LOW, HIGH), (HIGH, HIGH), "gateway"), ((HIGH, HIGH), (HIGH, LOW), "gateway"),
    ((HIGH, HIGH), (LOW, HIGH), "client"), ((HIGH, LOW), (HIGH, HIGH), "client")]


@pytest.fixture
def crossing(connected: MakeWorld) -> Crossing:
    return Crossing(connected())


def settled(crossing: Crossing, survivor: str) -> None:
    """Of two new CHILD_SAs that one is left, the other and the old one are deleted, each once on either side."""
    mine, theirs = crossing.installed("client"), crossing.installed("gateway")
    assert len(mine) == len(theirs) == 3
    kept = agree(crossing.world)
    assert kept in {child.spi_in for child in mine[1:]}
    assert sorted(crossing.deleted("client")) == sorted(child.spi_in for child in mine if child.spi_in != kept)
    assert len(crossing.deleted("gateway")) == 2
    made_by_client = requests_made(crossing)
    assert (kept in made_by_client) == (survivor == "client")


def requests_made(crossing: Crossing) -> set[bytes]:
    """Inbound SPIs at the client of what its own requests made: it was their initiator."""
    first = {child.spi_in for child in crossing.installed("client")}
    events = [event for event in crossing.world.events if isinstance(event, ike.ChildInstalled)]
    by_gateway = {event.child.spi_in for event, step in zip(events, _next_steps(crossing), strict=True)
                  if step == "child-rekeyed-by-gateway"}
    return first - by_gateway


def _next_steps(crossing: Crossing) -> list[str]:
    events = crossing.world.events
    steps = []
    for i, event in enumerate(events):
        if isinstance(event, ike.ChildInstalled):
            after = events[i + 1] if i + 1 < len(events) else None
            steps.append(after.step if isinstance(after, ike.Progress) else "")
    return steps


@pytest.mark.parametrize(("client", "gateway", "survivor"), LOWEST)
def test_both_rekey(crossing: Crossing, client: tuple[int, int], gateway: tuple[int, int], survivor: str) -> None:
    """→ { N(REKEY_SA) SA Ni KEi TSi TSr } ← { N(REKEY_SA) SA Ni KEi TSi TSr }
    → { SA Nr KEr TSi TSr } ← { SA Nr KEr TSi TSr }
    then → { D } of what the client's nonces lose, ← { D } likewise: once for each of the four nonces (§2.8.1)"""
    crossing.nonces(client, gateway)
    heard = listen(crossing.world)
    crossing.rekey_child(*BOTH)
    crossing.arrives(*BOTH)
    crossing.arrives(*BOTH)
    assert crossing.on_the_way("client") == crossing.on_the_way("gateway") == [("INFORMATIONAL", False)]
    crossing.rest()
    settled(crossing, survivor)
    # who made the survivor deletes the old one, the other its own new one (§2.8.1)
    (delete,) = [said for said in requests(heard, "client", INFO) if said.of(Delete)]
    old = delete.of(Delete)[0].spis == (crossing.child.spi_in,)
    assert old == (survivor == "client")


@pytest.mark.parametrize(("client", "gateway", "survivor"), LOWEST)
def test_the_gateway_acts_before_our_response_is_here(crossing: Crossing, client: tuple[int, int],
                                                      gateway: tuple[int, int], survivor: str) -> None:
    """→ { N(REKEY_SA) … } ← { N(REKEY_SA) … } → { SA Nr … } and ← { D }: before ⇢ { SA Nr … } came"""
    crossing.nonces(client, gateway)
    crossing.rekey_child(*BOTH)
    crossing.arrives("client", "gateway", "client")
    assert crossing.on_the_way("gateway") == [("CREATE_CHILD_SA", True), ("INFORMATIONAL", False)]
    crossing.overtakes("gateway")
    crossing.rest()
    settled(crossing, survivor)


@pytest.mark.parametrize(("client", "gateway", "survivor"), LOWEST)
def test_we_act_before_the_gateway_has_our_response(crossing: Crossing, client: tuple[int, int],
                                                    gateway: tuple[int, int], survivor: str) -> None:
    """The other way round: → { D } arrives before ⇢ { SA Nr … }"""
    crossing.nonces(client, gateway)
    crossing.rekey_child(*BOTH)
    crossing.arrives("gateway", "client", "gateway")
    assert crossing.on_the_way("client") == [("CREATE_CHILD_SA", True), ("INFORMATIONAL", False)]
    crossing.overtakes("client")
    crossing.rest()
    settled(crossing, survivor)


@pytest.mark.parametrize("late", BOTH)
def test_a_request_comes_after_the_other_rekeying_was_settled(crossing: Crossing, late: str) -> None:
    """⇢ { N(REKEY_SA, old) … } of one side; meanwhile the other's → { … } ← { … }: N(TEMPORARY_FAILURE) or, once it is
    gone, N(CHILD_SA_NOT_FOUND); the other's new CHILD_SA stands (§2.25.1)"""
    other = "gateway" if late == "client" else "client"
    crossing.rekey_child(*BOTH)
    crossing.arrives(other)         # late's answer goes out while its own request is on the way
    crossing.overtakes(late)
    assert crossing.on_the_way(late) == [("CREATE_CHILD_SA", False)]
    crossing.arrives(late)
    crossing.rest()
    assert len(crossing.installed("client")) == 2
    agree(crossing.world)


@pytest.mark.parametrize("late", BOTH)
def test_a_request_comes_after_the_child_is_gone(crossing: Crossing, late: str) -> None:
    """⇢ { N(REKEY_SA, old) … }; the other's { N(REKEY_SA, old) … } { SA … } { D(old) } { D } all pass before it:
    N(CHILD_SA_NOT_FOUND), and no third CHILD_SA is made, as there is a successor (§2.25.1)"""
    other = "gateway" if late == "client" else "client"
    crossing.rekey_child(*BOTH)
    crossing.arrives(other)
    crossing.overtakes(late)        # { SA Nr … }
    crossing.arrives(other)         # { D(old) }
    crossing.overtakes(late)        # { D(old) }
    heard = listen(crossing.world)
    crossing.arrives(late)
    (answer,) = [said for said in heard if said.response and said.exchange == CHILD]
    assert answer.who == other
    assert answer.notify(NotifyType.CHILD_SA_NOT_FOUND) is not None
    crossing.rest()
    assert len(crossing.installed("client")) == 2
    agree(crossing.world)


@pytest.mark.parametrize("lost", ["client's request", "gateway's request", "client's response", "gateway's response",
                                  "both responses", "client's delete", "gateway's delete"])
@pytest.mark.parametrize(("client", "gateway", "survivor"), LOWEST)
def test_both_rekey_and_something_is_lost(crossing: Crossing, client: tuple[int, int], gateway: tuple[int, int],
                                          survivor: str, lost: str) -> None:
    """As test_both_rekey, with × of each message in turn: it is sent again"""
    crossing.nonces(client, gateway)
    crossing.rekey_child(*BOTH)
    whose, _, what = lost.partition("'s ")
    for round_of in ("request", "response", "delete"):
        for who in BOTH:
            if crossing.waiting[who]:
                if (who, round_of) == (whose, what) or (lost == "both responses" and round_of == "response"):
                    crossing.is_lost(who)
                else:
                    crossing.arrives(who)
    crossing.rest()
    kept = agree(crossing.world)
    assert kept != crossing.child.spi_in
    assert len(crossing.deleted("client")) == len(crossing.installed("client")) - 1
    if len(crossing.installed("client")) == 3:      # with a request lost there may be no collision any more
        settled(crossing, survivor)


@pytest.mark.parametrize("lost", ["", "request", "response"])
def test_our_rekeying_crosses_the_gateways_delete(crossing: Crossing, lost: str) -> None:
    """→ { N(REKEY_SA, old) … } ← { D(old) } → { D(old) } ← { N(TEMPORARY_FAILURE) } or, with the answer to D(old)
    there before it, ← { N(CHILD_SA_NOT_FOUND) } → { SA Ni KEi TSi TSr } (§2.25.1): a tunnel is what the user wants"""
    heard = listen(crossing.world)
    crossing.rekey_child("client")
    crossing.gateway_deletes_child()
    if lost == "request":
        crossing.is_lost("client")
    else:
        crossing.arrives("client")
    crossing.arrives("gateway")
    if lost == "response":
        crossing.is_lost("client" if crossing.waiting["client"] else "gateway")
    crossing.rest()
    (answer,) = [said for said in heard if (said.who, said.response, said.exchange) == ("client", True, INFO)]
    assert answer.payloads == (Delete(crossing.child.proposal.protocol, (crossing.child.spi_in,)),)
    assert agree(crossing.world) != crossing.child.spi_in
    assert requests(heard, "client", CHILD)[-1].notify(NotifyType.REKEY_SA) is None


@pytest.mark.parametrize("lost", ["", "request", "response"])
def test_the_gateways_rekeying_crosses_our_delete(crossing: Crossing, lost: str) -> None:
    """→ { D(old) } ← { N(REKEY_SA, old) … } → { N(TEMPORARY_FAILURE) } ← { D(old) } (§2.25.1)"""
    heard = listen(crossing.world)
    # the client deletes an old CHILD_SA only after its own rekeying
    crossing.rekey_child("client")
    crossing.arrives("client", "gateway")
    assert crossing.on_the_way("client") == [("INFORMATIONAL", False)]
    world = crossing.world
    old = next(spi for sa in world.gateway._ctx.sas.values() for spi, child in sa.children.items()
               if child.spi_out == crossing.child.spi_in)
    sa = next(iter(world.gateway._ctx.sas.values()))
    sa.children[old].state, sa.children[old].outbound = ChildState.INSTALLED, True
    crossing._do(lambda: world.gateway.rekey_child(old, world.now))
    if lost == "request":
        crossing.is_lost("client")
    else:
        crossing.arrives("client")
    crossing.arrives("gateway")
    if lost == "response":
        crossing.is_lost("gateway" if crossing.waiting["gateway"] else "client")
    (answer,) = [said for said in heard if (said.who, said.response, said.exchange) == ("client", True, CHILD)]
    assert answer.notify(NotifyType.TEMPORARY_FAILURE) is not None
    crossing.rest()
    assert len(crossing.installed("client")) == 2
    agree(world)


@pytest.mark.parametrize("lost", [(), ("client",), ("gateway",), BOTH])
def test_both_delete_the_same_child(crossing: Crossing, lost: tuple[str, ...]) -> None:
    """← { N(REKEY_SA, old) … } → { SA … }, both close the old one: → { D(old) } × ← { D(old) } → { } ← { } (§1.4.1)"""
    heard = listen(crossing.world)
    crossing.rekey_child("gateway")
    crossing.arrives("gateway", "client")
    world = crossing.world
    (sa,) = world.client._ctx.sas.values()
    world.client._ctx.enqueue(sa, DeleteChild(world.client._ctx, sa, sa.children[crossing.child.spi_in]))
    world.client._ctx.use_successor(sa, sa.children[crossing.child.spi_in])
    crossing._do(lambda: world.client._pump(world.now))
    crossing.arrives(*BOTH)
    crossing.is_lost(*lost)
    crossing.rest()
    answers = [said.payloads for said in heard if said.response and said.exchange == INFO]
    assert answers[:2] == [(), ()]
    assert crossing.deleted("client") == [crossing.child.spi_in]
    agree(world)


def test_the_last_child_is_deleted_by_both(crossing: Crossing) -> None:
    """→ { D(ESP) } × ← { D(ESP) } of the only CHILD_SA: nothing is left, and the user hears so"""
    crossing.client_deletes_child()
    crossing.gateway_deletes_child()
    crossing.arrives(*BOTH)
    crossing.world.drop = lambda _who, _data: False
    crossing.arrives(*BOTH)
    crossing.world.run(5.0)
    assert [event.cause for event in crossing.world.of(ike.Failed)] in ([], [Cause.GATEWAY_CLOSED])
    assert crossing.deleted("client") in ([crossing.child.spi_in], [])


@pytest.mark.parametrize("who", BOTH)
def test_another_group_is_asked_for_in_a_collision(crossing: Crossing, who: str) -> None:
    """→ { N(REKEY_SA) … KEi } ← { N(REKEY_SA) … KEi }, one is answered N(INVALID_KE_PAYLOAD), and tried again while the
    other's new CHILD_SA is there already: N(TEMPORARY_FAILURE) or nothing more of it; one CHILD_SA in the end"""
    world = crossing.world
    if who == "client":
        answer_once(world, Notify.of(NotifyType.INVALID_KE_PAYLOAD, (20).to_bytes(2, "big")))
    else:
        itself = world.client._answer
        said: list[bool] = []

        def answer(sa: object, message: object, now: float) -> object:
            if not said:
                said.append(True)
                return [Notify.of(NotifyType.INVALID_KE_PAYLOAD, (20).to_bytes(2, "big"))]
            return itself(sa, message, now)     # type: ignore[arg-type]
        world.client._answer = answer       # type: ignore[method-assign, assignment]
    crossing.rekey_child(*BOTH)
    crossing.arrives(*BOTH)
    crossing.arrives(*BOTH)
    crossing.rest()
    assert agree(world) != crossing.child.spi_in
