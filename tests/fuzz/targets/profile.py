"""Files that a user imports (TOML, .sswan), and profiles as roved reads them, up to the engine's settings."""

import client.importers.sswan
import client.importers.toml
from client.core.helper.agents import Prepared
from client.core.helper.settings import engine_config
from client.core.helper.store import check_trust
from client.importers import IdentityMissing, Imported, ImportFailed, import_file
from client.model.cause import Cause, RoveError
from client.model.profile import KEYS, MAX_BYTES, Profile, ProfileError, parse_profile
from tests.fuzz.judge import plain_words, refused

MAX_LEN = 4096
_PREPARED = Prepared((), (), "")


def one(data: bytes) -> None:
    """The file itself; first as what the front end imports, then as what somebody hands to roved."""
    imported = _imported(data, None)
    if imported is None:
        imported = _imported(data, "alice")
    if imported is not None:
        assert len(imported.profile_toml.encode()) <= MAX_BYTES
        for line in (*imported.not_understood, *imported.missing):
            plain_words(line)
        profile = _profile(imported.profile_toml)
        assert profile is not None, "roved refuses what was imported"
        assert profile.name == imported.name
    _profile(data.decode("utf-8", "replace"))


def _imported(data: bytes, identity: str | None) -> Imported | None:
    try:
        return import_file(data, identity=identity)
    except IdentityMissing:
        if identity is not None:
            raise
    except ImportFailed as error:
        if not error.problems:
            raise
    return None


def _profile(text: str) -> Profile | None:
    try:
        profile = parse_profile(text)
        check_trust(profile)
    except ProfileError as error:
        if not str(error):
            raise
        return None
    try:
        engine_config(profile, _PREPARED, bytes)
    except RoveError as error:
        refused(error, (Cause.BAD_SETTINGS, Cause.CREDENTIAL_UNUSABLE))
    return profile


def words() -> list[bytes]:
    keys = {part for key in (*KEYS, *client.importers.sswan.KEYS) for part in (key, *key.split("."))}
    values = ("psk", "certificate", "eap-mschapv2", "ikev2-eap", "ikev2-cert", "10.0.0.0/8", "::/0", "192.0.2.1",
              "vpn.example.org", "aes256gcm16-prfsha384-ecp384", "aes128-sha256-modp2048", "system", "30s", "true",
              "smartcard", "pkcs11:token=a;id=%01?module-name=b", "issuer", "eku", "1.3.6.1.5.5.7.3.2",
              "alice@example.org", "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----", '"""', "'''", "[[", "]]")
    return [text.encode() for text in (*sorted(keys), *values)]


def seeds() -> dict[str, bytes]:
    import base64
    import json

    from tests.importers.certificates import der_certificate, pem_certificate
    profiles = {"psk": '''
version = 1
name = "work"        # a comment
[gateway]
address = ["vpn.example.org", "192.0.2.1"]
identity = "gw.example.org"
[user]
auth = "psk"
identity = "alice@example.org"
[tunnel]
remote = ["10.0.0.0/8", "fd00::/8"]
exclude = ["10.1.0.0/16"]
lan = "block"
[dns]
mode = "split"
domains = ["corp.example"]
[ike]
proposals = ["aes256gcm16-prfsha384-ecp384", "aes128-sha256-modp2048"]
esp_proposals = ["aes256gcm16-noesn"]
pfs = "ecp256"
lifetime = "4h"
child_lifetime = "45m"
dpd = "30s"
mobike = true
fragmentation = false
''', "eap": '''name="eap"
gateway.address="vpn.example.org"
user={auth="eap-mschapv2", identity="LAB\\\\alice", ike_identity="@vpn"}
''', "smartcard": '''name="card"
gateway.address="vpn.example.org"
[user]
auth="smartcard"
certificate="pkcs11:token=badge;serial=0815;id=%01;object=alice;type=cert?module-path=/usr/lib/card.so"
[policy]
autoconnect=true
token_removed="keep"
''', "rule": '''name="rule"
gateway.address="vpn.example.org"
user={auth=["smartcard", "eap-mschapv2"], identity="alice", certificate={issuer="CN=CA,O=Corp", eku="clientAuth"}}
''', "open": '''name="open"
gateway={address="2001:db8::1", trust="system"}
[user]
auth="eap-mschapv2"
''', "trust": f'''name = "trust"
[gateway]
address = "vpn.example.org"
trust = ["""
{pem_certificate()}"""]
[user]
auth = "psk"
identity = "a"
'''}
    sswan = {
        "uuid": "3b1a5f2e-6c1d-4a5b-9d5e-0a8f1c2d3e4f", "name": "Büro VPN (main)", "type": "ikev2-eap",
        "remote": {"addr": "vpn.example.org", "id": "gw.example.org", "port": 4500, "revocation": {"crl": False},
                   "cert": base64.b64encode(der_certificate()).decode()},
        "local": {"eap_id": "alice"}, "ike-proposal": "aes256-sha256-ecp256,aes256gcm16-prfsha384-ecp384",
        "esp-proposal": "aes256gcm16", "mtu": 1300, "dns-servers": "10.0.0.1", "apps": ["org.example"],
        "split-tunneling": {"subnets": ["10.0.0.0/8", "192.0.2.1 - 192.0.2.9"], "excluded": "10.1.0.0/16 fd00::/8",
                            "block-ipv4": True}}
    certificate = sswan | {"type": "ikev2-cert", "local": {"p12": base64.b64encode(b"PKCS#12").decode(), "id": "@me"}}
    made = {name: text.encode() for name, text in profiles.items()}
    made |= {"sswan-eap": json.dumps(sswan).encode(), "sswan-cert": json.dumps(certificate).encode(),
             "sswan-least": b'{"type":"ikev2-eap","remote":{"addr":"a.b"}}'}
    return made
