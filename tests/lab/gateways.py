"""What the gateway offers and how a strongSwan client asks for it: one row per connection.

A client picks a connection by the IDr it asks for: ``<name>.gw.lab.test``. A row is what differs from ``IKE`` and
``CHILD``, in swanctl.conf's own words (man 5 swanctl.conf). Rows named ``bad-…`` are gateways to be refused.
"""

from typing import TypeAlias

from tests.lab import plan

Section: TypeAlias = dict[str, "str | Section"]

DOMAIN = "gw.lab.test"
USER, PASSWORD = "alice@lab.test", "Wonderl@nd 1"
SECOND_USER, SECOND_PASSWORD = "bob", "b0b"
PSK = "correct horse battery staple"
PPK_ID, PPK = "ppk1@lab.test", "0x000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
SPLIT_DOMAINS = ("corp.lab.test", "lab.internal")

_GROUPS = "modp2048-modp3072-modp4096-ecp256-ecp384-ecp521-curve25519"

IKE: Section = {
    "version": "2", "encap": "yes", "mobike": "yes", "fragmentation": "yes", "dpd_delay": "10s", "send_certreq": "yes",
    "send_cert": "always", "unique": "no", "rekey_time": "4h", "pools": "v4, v6",
    "local_addrs": f"{plan.GATEWAY}, {plan.GATEWAY_SECOND}, {plan.GATEWAY6}",
    # the gateway prefers its own first proposal: a client that guesses another group pays an INVALID_KE round
    "proposals": "aes256gcm16-prfsha384-ecp384,aes256-sha256-curve25519-ecp256-modp3072-modp2048,"
                 "aes128gcm16-prfsha256-curve25519-ecp256,chacha20poly1305-prfsha256-curve25519,default",
}
CHILD: Section = {
    # each selector must hold an address of the gateway, or kernel-libipsec answers TS_UNACCEPTABLE
    "local_ts": "10.10.0.0/24, 10.20.0.0/24, fd10::/48", "rekey_time": "1h", "mode": "tunnel",
    "esp_proposals": "aes256gcm16-ecp256-curve25519-modp2048,aes256gcm16,aes128gcm16,chacha20poly1305,"
                     "aes256-sha256,aes256-sha384,aes256-sha512,aes128-sha1,"
                     f"aes128gcm16-aes256gcm16-chacha20poly1305-{_GROUPS},"
                     f"aes128-aes256-sha256-sha384-sha512-{_GROUPS},aes128-sha256-sha384-sha512",
}


def _cert(server: str, **changes: "str | Section") -> Section:
    local: Section = {"auth": "pubkey", "certs": f"{server}.crt"}
    return {"local": local, "remote": {"auth": "pubkey", "cacerts": "root.crt", "revocation": "ifuri"}, **changes}


def _eap(method: str = "mschapv2", server: str = "server", **changes: "str | Section") -> Section:
    local: Section = {"auth": "pubkey", "certs": f"{server}.crt"}
    return {"local": local, "remote": {"auth": f"eap-{method}", "eap_id": "%any"}, **changes}


def _child(**changes: "str | Section") -> Section:
    return {"net": dict(changes)}


CONNECTIONS: dict[str, Section] = {
    "psk": {"local": {"auth": "psk"}, "remote": {"auth": "psk", "id": "*@lab.test"}},
    "cert": _cert("server"),
    "certec": _cert("server-ec"),
    "certed": _cert("server-ed"),
    "mschap": _eap(),
    "mschapec": _eap(server="server-ec"),
    "md5": _eap("md5"),
    "gtc": _eap("gtc"),
    "ttls": _eap("ttls"),
    "eaptls": _eap("tls"),
    "radius": _eap("radius"),         # whatever a RADIUS server on 127.0.0.1 of the gateway offers
    "eaponly": {"local": {"auth": "eap-tls", "certs": "server.crt"}, "remote": {"auth": "eap-tls", "eap_id": "%any"}},
    "multi": {"local": {"auth": "pubkey", "certs": "server.crt"},                              # RFC 4739
              "remote-1": {"auth": "pubkey", "cacerts": "root.crt"},
              "remote-2": {"auth": "eap-mschapv2", "eap_id": "%any"}},
    "multi3": {"local": {"auth": "pubkey", "certs": "server.crt"}, "remote-1": {"auth": "psk"},
               "remote-2": {"auth": "pubkey", "cacerts": "root.crt"},
               "remote-3": {"auth": "eap-mschapv2", "eap_id": "%any"}},
    "pskeap": {"local": {"auth": "psk"}, "remote-1": {"auth": "psk"},
               "remote-2": {"auth": "eap-mschapv2", "eap_id": "%any"}},
    "full": _eap(children=_child(local_ts="0.0.0.0/0, ::/0")),
    "full4": _eap(pools="v4", children=_child(local_ts="0.0.0.0/0")),
    "narrow": _eap(children=_child(local_ts="10.10.0.0/25, 10.20.0.0/25[6/8080]")),  # of a wider request
    "several": _eap(children={"lab": {"local_ts": "10.10.0.0/24"}, "office": {"local_ts": "10.20.0.0/24"},
                              "six": {"local_ts": "fd10::/48", "esp_proposals": "aes128gcm16-curve25519,aes128gcm16"}}),
    # TCP and UDP by number: charon finds names in /etc/protocols, which a bare machine has not
    "ports": _eap(children=_child(local_ts="10.10.0.0/25, 10.10.0.0/24[6/22], 10.20.0.0-10.20.0.40[17/53]")),
    "nopool": _eap(pools=""),         # no address to give: INTERNAL_ADDRESS_FAILURE
    "nopfs": _eap(children=_child(esp_proposals="aes256gcm16")),
    "rekey": _eap(rekey_time="40s", over_time="10s", rand_time="0s",
                  children=_child(rekey_time="20s", life_time="30s", rand_time="0s")),
    "reauth": _eap(rekey_time="0s", reauth_time="40s", over_time="10s", rand_time="0s"),       # RFC 4478
    "reauthcert": _cert("server", rekey_time="0s", reauth_time="16s", over_time="8s", rand_time="0s"),
    "replacing": _cert("server", unique="replace"),
    "keeping": _cert("server", unique="keep"),
    "nopfscert": _cert("server", children=_child(esp_proposals="aes256gcm16")),
    "childless": _eap(childless="force"),                                                      # RFC 6023
    "ppk": _eap(ppk_id=PPK_ID, ppk_required="yes"),                                            # RFC 8784
    "ppkopt": _eap(ppk_id=PPK_ID),
    "ppkpsk": {"local": {"auth": "psk"}, "remote": {"auth": "psk", "id": "*@lab.test"}, "ppk_id": PPK_ID,
               "ppk_required": "yes"},
    "ppkcert": _cert("server-ec", ppk_id=PPK_ID, ppk_required="yes"),
    "nomobike": _eap(mobike="no"),
    # on an address of its own, as charon announces fragmentation before it knows the connection
    "nofrag": _eap(fragmentation="no", local_addrs=plan.GATEWAY_NO_FRAGMENTATION),
    "dpd": _eap(dpd_delay="2s", children=_child(dpd_action="clear")),
    "v4": _eap(pools="v4"),
    "v6": _eap(pools="v6"),
    "split": _eap(pools="split, v6"),                                                          # RFC 8598
    "noeap": _eap("md5"),             # for a client that has no such method: it must NAK
    "noeku": _eap(server="server-noeku"),  # neither keyUsage bits too few nor too many: good (RFC 4945 §5.1.3.12)
    "weak": {**_eap(), "local_addrs": plan.GATEWAY_WEAK, "proposals": "3des-sha1-modp1024"},
    "childweak": _eap(children=_child(esp_proposals="3des-sha1")),
    # of an authority whose certificates say where to ask about them
    "crl": _eap(server="server-crl"),
    "ocsp": _eap(server="server-ocsp"),
    "silentcrl": _eap(server="server-silentcrl"),
    "soon": _cert("server-soon"),     # a certificate that a test replaces by one that expires at once
    "bad-crl": _eap(server="server-bad-crl"),
    "bad-ocsp": _eap(server="server-bad-ocsp"),
    "bad-rogue": _eap(server="server-rogue"),
    "bad-expired": _eap(server="server-expired"),
    "bad-keyusage": _eap(server="server-keyusage"),
    "bad-revoked": _eap(server="server-revoked"),
    # charon takes the id from its certificate where the two differ; with %any it claims whatever IDr asks for
    "bad-wrongname": {**_eap(server="server-wrongname"), "local_addrs": plan.GATEWAY_WRONG_NAME},
}

POOLS: Section = {
    "v4": {"addrs": "10.99.0.10-10.99.0.250", "dns": f"{plan.CORP_DNS}, 10.10.0.54"},
    "v6": {"addrs": "fd99::10-fd99::fff", "dns": plan.CORP_DNS6},
    "split": {"addrs": "10.99.1.10-10.99.1.250", "dns": plan.CORP_DNS, "subnet": "10.10.0.0/24, 10.20.0.0/24",
              "25": ", ".join(SPLIT_DOMAINS)},   # INTERNAL_DNS_DOMAIN, RFC 8598 §3.1
}
SECRETS: Section = {
    "ike-psk": {"secret": PSK, "id-1": f"psk.{DOMAIN}", "id-2": f"multi3.{DOMAIN}", "id-3": USER,
                "id-4": f"ppkpsk.{DOMAIN}", "id-5": f"pskeap.{DOMAIN}"},
    "eap-alice": {"id": USER, "secret": PASSWORD},
    "eap-bob": {"id": SECOND_USER, "secret": SECOND_PASSWORD},
    "ppk-1": {"id": PPK_ID, "secret": PPK},
}


def identity(name: str) -> str:
    """What a client must ask for to get this connection."""
    return f"{name}.{DOMAIN}"


def address(name: str) -> str:
    """The IPv4 address where this connection is offered."""
    return str((IKE | CONNECTIONS[name])["local_addrs"]).split(",")[0]
