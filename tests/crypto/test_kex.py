"""Key exchange: RFC 5903, RFC 7748, RFC 3526, and what RFC 6989 refuses."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from client.core.crypto import kex, modp
from tests.crypto.repeatable import repeatable

P256 = 2**256 - 2**224 + 2**192 + 2**96 - 1
B256 = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B


def fixed_scalar(scalar: str):
    """Randomness from which ``generate`` makes exactly this scalar of a curve."""
    return lambda length: (int(scalar, 16) - 1).to_bytes(length, "big")


@pytest.mark.parametrize("group", kex.KEX)
def test_both_sides_agree(group):
    one, other = kex.generate(group, repeatable("one")), kex.generate(group, repeatable("other"))
    assert one.public != other.public
    assert len(one.public) == len(other.public) == kex.KEX[group].public_length
    answer, shared = kex.respond(group, one.public, repeatable("other"))
    assert one.derive(answer) == shared
    assert kex.generate(group, repeatable("one")).public == one.public


def test_rfc_5903_section_8_1():
    i = kex.generate(19, fixed_scalar("C88F01F510D9AC3F70A292DAA2316DE544E9AAB8AFE84049C62A9C57862D1433"))
    r = kex.generate(19, fixed_scalar("C6EF9C5D78AE012A011164ACB397CE2088685D8F06BF9BE0B283AB46476BEE53"))
    assert i.public.hex().upper() == (
        "DAD0B65394221CF9B051E1FECA5787D098DFE637FC90B9EF945D0C3772581180"
        "5271A0461CDB8252D61F1C456FA3E59AB1F45B33ACCF5F58389E0577B8990BB3")
    assert r.public.hex().upper() == (
        "D12DFB5289C8D4F81208B70270398C342296970A0BCCB74C736FC7554494BF63"
        "56FBF3CA366CC23E8157854C13C58D6AAC23F046ADA30F8353E74F33039872AB")
    shared = "D6840F6B42F6EDAFD13116E0E12565202FEF8E9ECE7DCE03812464D04B9442DE"
    assert i.derive(r.public).hex().upper() == r.derive(i.public).hex().upper() == shared


def test_rfc_7748_section_6_1():
    alice = bytes.fromhex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a")
    bob = bytes.fromhex("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f")
    own = kex.generate(31, lambda length: alice[:length])
    assert own.public.hex() == "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"
    assert own.derive(bob).hex() == "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"


@pytest.mark.parametrize(("prime", "bits", "offset"), [
    (modp.P1024, 1024, 129093), (modp.P2048, 2048, 124476), (modp.P3072, 3072, 1690314), (modp.P4096, 4096, 240904)])
def test_the_primes_are_those_of_the_rfcs(prime, bits, offset):
    """RFC 3526 §3–5, RFC 7296 appendix B.2: p = 2^n - 2^(n-64) - 1 + 2^64 * ([2^(n-130) pi] + offset)."""
    assert prime == 2**bits - 2**(bits - 64) - 1 + 2**64 * (floor_of_pi_times_2_to(bits - 130) + offset)


def floor_of_pi_times_2_to(exponent: int) -> int:
    one = 1 << (exponent + 64)

    def arctan_of_1_over(x: int) -> int:
        term = total = one // x
        divisor, sign = 1, 1
        while term:
            term //= x * x
            divisor, sign = divisor + 2, -sign
            total += sign * (term // divisor)
        return total
    return 4 * (4 * arctan_of_1_over(5) - arctan_of_1_over(239)) >> 64      # Machin


@pytest.mark.parametrize(("curve", "order"), [
    (ec.SECP256R1(), kex._N256), (ec.SECP384R1(), kex._N384), (ec.SECP521R1(), kex._N521)])
def test_the_orders_are_those_of_the_curves(curve, order):
    assert pow(2, order - 1, order) == 1
    ec.derive_private_key(order - 1, curve)
    with pytest.raises(ValueError, match="Invalid"):
        ec.derive_private_key(order, curve)


@pytest.mark.parametrize("group", [14, 15, 16])
def test_modp_refuses_what_is_not_between_1_and_p_minus_1(group):
    own = kex.generate(group, repeatable("modp"))
    length = kex.KEX[group].public_length
    prime = {14: modp.P2048, 15: modp.P3072, 16: modp.P4096}[group]
    for worthless in (0, 1, prime - 1, prime, 2 ** (8 * length) - 1):
        with pytest.raises(kex.KexError):
            own.derive(worthless.to_bytes(length, "big"))


def test_modp_secrets_keep_their_leading_zeros():
    """RFC 7296 §2.14: a shorter number is padded. g^ir of one in 256 pairs begins with a zero octet."""
    for i in range(2000):
        peer = pow(2, 2 + i, modp.P2048)
        secret = modp.shared_secret(modp.P2048, 1, peer.to_bytes(256, "big"))
        assert len(secret) == 256
        if secret[0] == 0:
            return
    raise AssertionError("no example was found")


@pytest.mark.parametrize("group", [19, 20, 21])
def test_ecp_refuses_points_that_are_not_on_the_curve(group):
    own = kex.generate(group, repeatable("ecp"))
    length = kex.KEX[group].public_length
    off = own.public[:-1] + bytes([own.public[-1] ^ 1])
    for bad in (bytes(length), b"\xff" * length, off):
        with pytest.raises(kex.KexError):
            own.derive(bad)


def test_the_curve_is_the_one_with_that_equation():
    public = kex.generate(19, repeatable("equation")).public
    x, y = int.from_bytes(public[:32], "big"), int.from_bytes(public[32:], "big")
    assert (y * y - (x**3 - 3 * x + B256)) % P256 == 0


@pytest.mark.parametrize("point", [bytes(32), b"\x01" + bytes(31)])
def test_x25519_refuses_points_of_small_order(point):
    with pytest.raises(kex.KexError, match="small order"):
        kex.generate(31, repeatable("x")).derive(point)


@pytest.mark.parametrize("group", kex.KEX)
def test_wrong_lengths_are_refused(group):
    own = kex.generate(group, repeatable("length"))
    for bad in (b"", own.public[:-1], own.public + b"\0", b"\x04" + own.public):
        with pytest.raises(kex.KexError):
            own.derive(bad)
        with pytest.raises(kex.KexError):
            kex.respond(group, bad, repeatable("length"))


def test_an_unknown_group_is_named():
    with pytest.raises(kex.KexError, match="5"):
        kex.generate(5, repeatable("unknown"))


def test_nothing_secret_is_shown():
    own = kex.generate(19, repeatable("repr"))
    assert repr(own) == f"KeyExchange(group=19, public={own.public!r})"
