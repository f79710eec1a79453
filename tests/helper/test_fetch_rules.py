"""What may be fetched, and a worker that nobody believes. Pure."""

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.core.helper.fetch_rules import (
    LENGTH,
    MAX_REQUEST,
    FetchError,
    Reply,
    Request,
    Target,
    decode_reply,
    decode_request,
    encode_reply,
    encode_request,
    may_reach,
    parse_url,
)


@pytest.mark.parametrize(("url", "target"), [
    ("http://pki.example/ca.crl", Target("http", "pki.example", 80, "/ca.crl")),
    ("HTTPS://PKI.example", Target("https", "pki.example", 443, "/")),
    ("http://192.0.2.1:8080/a?b=c#d", Target("http", "192.0.2.1", 8080, "/a?b=c")),
    ("http://[2001:db8::1]/x", Target("http", "2001:db8::1", 80, "/x")),
    ("http://a_b.example./", Target("http", "a_b.example.", 80, "/"))])
def test_addresses_on_the_web(url: str, target: Target) -> None:
    assert parse_url(url) == target


@pytest.mark.parametrize("url", [
    "", "ca.crl", "ldap://a/b", "file:///etc/passwd", "http:///x", "http://a:22/", "http://a:x/", "http://a:99999/",
    "http://user@a/", "http://a@b:80/", "http://a b/", "http://a/\r\nX: y", "http://a..b/", "http://-a/", "http://\xe4/",
    "http://[::1/", "http://[fe80::1%eth0]/", "http://1.2.3/", "http://0x7f000001.1/", "http://a/" + "x" * 2048,
    "https://a:80:80/", "http://%31/"])
def test_addresses_that_are_none(url: str) -> None:
    with pytest.raises(FetchError):
        parse_url(url)


@pytest.mark.parametrize(("address", "may"), [
    ("192.0.2.1", True), ("10.1.2.3", True), ("2001:db8::1", True), ("fd00::1", True),      # a company's own servers
    ("127.0.0.1", False), ("127.9.9.9", False), ("::1", False), ("169.254.169.254", False), ("fe80::1", False),
    ("224.0.0.1", False), ("ff02::1", False), ("0.0.0.0", False), ("0.1.2.3", False), ("::", False),
    ("255.255.255.255", False), ("240.0.0.1", False), ("fec0::1", False), ("::ffff:127.0.0.1", False),
    ("::ffff:192.0.2.1", True), ("64:ff9b::7f00:1", False), ("64:ff9b::c000:201", True), ("2002:7f00:1::", False)])
def test_where_one_may_connect_to(address: str, may: bool) -> None:
    assert may_reach(ip_address(address)) is may


def test_requests_and_replies() -> None:
    request = Request(parse_url("http://a/b"), 1000, b"\0\xff", "application/ocsp-request")
    data = encode_request(request)
    assert decode_request(data[LENGTH:]) == request
    assert int.from_bytes(data[:LENGTH], "big") == len(data) - LENGTH
    with pytest.raises(FetchError):
        encode_request(Request(request.target, 1, bytes(MAX_REQUEST)))
    assert decode_reply(encode_reply(200, "", b"\n\nx"), 10) == Reply(200, "", b"\n\nx")
    with pytest.raises(FetchError, match="no such luck"):
        decode_reply(encode_reply(0, "", b"", "no such luck"), 10)


@pytest.mark.parametrize("data", [
    b"", b"\n", b"{}\n", b"[]\n", b'{"status": true, "location": "", "error": "", "length": 0}\n',
    b'{"status": 200, "location": "", "error": "", "length": 1}\n', b'{"status": 200', b"[" * 8000 + b"\n",
    encode_reply(200, "", bytes(11)), encode_reply(200, "", b"x")[:-1], b"x" * 9000 + b"\n"])
def test_a_worker_is_not_believed(data: bytes) -> None:
    with pytest.raises(FetchError):
        decode_reply(data, 10)


@given(st.binary(max_size=200))
def test_a_worker_may_say_anything(data: bytes) -> None:
    with pytest.raises(FetchError) as error:
        decode_reply(data, 100)
    assert str(error.value).isprintable()


def test_an_error_of_a_worker_is_plain() -> None:
    with pytest.raises(FetchError) as error:
        decode_reply(encode_reply(0, "", b"", "\x1b[31mred\n"), 10)
    assert str(error.value) == "?[31mred?"


def test_what_the_link_announces_may_be_on_it() -> None:
    for text in ("169.254.1.1", "fe80::1", "::ffff:169.254.1.1"):
        assert not may_reach(ip_address(text))
        assert may_reach(ip_address(text), link=True)
    for text in ("127.0.0.1", "::1", "224.0.0.1", "0.0.0.0"):
        assert not may_reach(ip_address(text), link=True)
