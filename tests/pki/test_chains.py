"""Which of the user's certificates go to which gateway."""

import hashlib

from client.core.pki.chains import MAX_CHAINS, own_chains
from tests.pki.factory import Issued, make_ca

OLD, NEW = make_ca("Old root"), make_ca("New root")
SUB = OLD.issue("Sub", ca=True)
CROSS = NEW.issue("Sub", key=SUB.key, ca=True)      # the same authority, vouched for by another one
ALICE = SUB.issue("alice")


def key_hash(issued: Issued) -> bytes:
    return hashlib.sha1(issued.parsed.spki, usedforsecurity=False).digest()


def chains(*certificates: Issued, known: tuple[Issued, ...] = ()) -> list[tuple[list[bytes], set[bytes], bool]]:
    found = own_chains([one.parsed for one in certificates], [one.parsed for one in known])
    return [(list(chain.certificates), set(chain.authorities), chain.complete) for chain in found]


def test_no_root_is_sent_and_it_counts() -> None:
    expected = ([ALICE.der, SUB.der], {key_hash(SUB), key_hash(OLD)}, True)
    assert chains(ALICE, OLD, SUB) == [expected]
    assert chains(ALICE, SUB, known=(NEW, OLD)) == [expected]       # known from the profile's trust
    assert chains(ALICE, SUB) == [([ALICE.der, SUB.der], {key_hash(SUB)}, False)]
    assert chains(ALICE) == [([ALICE.der], set(), False)]


def test_cross_signed() -> None:
    first, second = chains(ALICE, SUB, CROSS, OLD, NEW)
    assert first == ([ALICE.der, SUB.der], {key_hash(SUB), key_hash(OLD)}, True)
    assert second == ([ALICE.der, CROSS.der], {key_hash(SUB), key_hash(NEW)}, True)


def test_names_alone_make_no_chain() -> None:
    impostor = make_ca("Sub")
    assert chains(ALICE, impostor) == [([ALICE.der], set(), False)]
    assert chains(OLD) == [([OLD.der], set(), True)]


def test_many_and_in_circles() -> None:
    key = SUB.key
    many = [make_ca(f"Root {number}").issue("Sub", key=key, ca=True) for number in range(2 * MAX_CHAINS)]
    assert len(chains(ALICE, *many)) == MAX_CHAINS
    left = make_ca("Left")
    right = left.issue("Right", ca=True)
    back = right.issue("Left", key=left.key, ca=True)
    assert chains(right.issue("x"), right, back)[0][0][1:] == [right.der, back.der]
