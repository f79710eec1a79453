"""strongSwan as client of the lab: one row per way to connect, with the row of ``gateways`` it asks for."""

from tests.lab import plan
from tests.lab.gateways import CONNECTIONS, USER, Section, address, identity

IKE: Section = {
    "version": "2", "local_addrs": "%any", "encap": "yes", "mobike": "yes", "fragmentation": "yes",
    "keyingtries": "1", "dpd_delay": "10s", "vips": "0.0.0.0, ::", "rekey_time": "4h", "send_cert": "always",
    "proposals": "aes256gcm16-prfsha384-ecp384,aes256-sha256-curve25519",
}
CHILD: Section = {"remote_ts": "10.10.0.0/24, 10.20.0.0/24, fd10::/48", "rekey_time": "1h",
                  "esp_proposals": "aes256gcm16-curve25519-ecp256,aes256gcm16"}
_ALL: Section = {"remote_ts": "0.0.0.0/0, ::/0"}
WRONG_USER = "wrong@lab.test"


def _row(gateway: str, child: Section | None = None, remote: Section | None = None, to: str = "",
         **changes: "str | Section") -> Section:
    far = (remote or {"auth": "pubkey", "cacerts": "root.crt"}) | {"id": identity(gateway)}
    return {"remote_addrs": to or address(gateway), "remote": far, "child": child or {}, **changes}


def _cert(gateway: str, client: str, auth: str = "pubkey", **changes: "str | Section") -> Section:
    return _row(gateway, local={"auth": auth, "certs": f"client-{client}.crt"}, **changes)  # type: ignore[arg-type] # a row


def _eap(gateway: str, user: str = USER, **changes: "str | Section | None") -> Section:
    return _row(gateway, local={"auth": "eap", "eap_id": user}, **changes)  # type: ignore[arg-type] # a row


def _suite(ike: str, esp: str) -> Section:
    return _eap("mschap", proposals=ike, child={"esp_proposals": esp})


_PSK: Section = {"auth": "psk", "id": USER}
_OWN_ROWS: dict[str, Section] = {
    "psk": _row("psk", local=_PSK, remote={"auth": "psk"}),
    "cert": _cert("cert", "rsa"),
    "cert-pss": _cert("cert", "rsa", "rsa/pss-sha256"),
    "certec": _cert("certec", "ec"),
    "certec384": _cert("certec", "ec384"),
    "certed": _cert("certed", "ed"),
    "cert-expired": _cert("certec", "expired"),
    "cert-revoked": _cert("certec", "revoked"),
    "cert-rogue": _cert("certec", "rogue"),
    "mschap-badpw": _eap("mschap", WRONG_USER),
    "full": _eap("full", child=_ALL),
    "full4": _eap("full4", child=_ALL, vips="0.0.0.0"),
    "narrow": _eap("narrow", child=_ALL),
    "nopfs": _eap("nopfs", child={"esp_proposals": "aes256gcm16"}),
    "reauth": _eap("reauth", rekey_time="0s", reauth_time="1h", over_time="10s", rand_time="0s"),
    "childless": _eap("childless", childless="force"),
    "ppk": _eap("ppk", ppk_id="ppk1@lab.test", ppk_required="yes"),
    "nomobike": _eap("nomobike", mobike="no"),
    "nofrag": _eap("nofrag", fragmentation="no"),
    "v4": _eap("v4", vips="0.0.0.0"),
    "v6": _eap("v6", vips="::"),
    "eaptls": _cert("eaptls", "ec", "eap-tls"),
    "eaponly": _cert("eaponly", "ec", "eap-tls", remote={"auth": "eap-tls"}),
    "multi": _row("multi", **{"local-1": {"auth": "pubkey", "certs": "client-rsa.crt"},
                              "local-2": {"auth": "eap", "eap_id": USER}}),  # type: ignore[arg-type] # a row
    "multi3": _row("multi3", **{"local-1": _PSK, "local-2": {"auth": "pubkey", "certs": "client-rsa.crt"},
                                "local-3": {"auth": "eap", "eap_id": USER}}),  # type: ignore[arg-type] # a row
    "psk6": _row("psk", local=_PSK, remote={"auth": "psk"}, to=plan.GATEWAY6),
    "mschap6": _eap("mschap", to=plan.GATEWAY6),
    "p-chapoly": _suite("chacha20poly1305-prfsha256-curve25519", "chacha20poly1305"),
    "p-cbc": _suite("aes256-sha256-modp2048", "aes256-sha256"),
    "p-gcm128": _suite("aes128gcm16-prfsha256-ecp256", "aes128gcm16"),
    "p-badke": _suite("aes256-sha256-modp4096-curve25519", "aes256gcm16"),
    "p-noprop": _suite("3des-md5-modp1024", "aes256gcm16"),
    "p-childnoprop": _suite("aes256-sha256-curve25519", "3des-md5"),
}
# every other connection of the gateway is asked for with EAP, whatever method it then wants
CONNECTIONS_OF_CLIENT: dict[str, Section] = {name: _eap(name) for name in CONNECTIONS} | _OWN_ROWS
SECRETS: Section = {"eap-wrong": {"id": WRONG_USER, "secret": "not it"}}
