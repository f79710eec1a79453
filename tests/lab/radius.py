"""RADIUS servers behind the gateway's ``eap-radius``: for what strongSwan does not speak itself (PEAP), and TLS 1.3.

FreeRADIUS, and hostapd's, which offers PEAP's cryptobinding. Their configuration is ours from the first line. Either
listens on 127.0.0.1 of the gateway's namespace, where the connection ``radius`` looks for it.
"""

import re
import subprocess
import time
from pathlib import Path

from tests.lab import netns, pki, shell
from tests.lab.gateways import PASSWORD, USER
from tests.lab.shell import LabError

RADIUSD, HOSTAPD = "/usr/sbin/freeradius", "/usr/sbin/hostapd"
SERVER_NAME = "radius.lab.test"         # of its certificate, ``server-radius`` in ``pki``

_CONFIG = """
name = radiusd
logdir = {folder}
raddbdir = {folder}
run_dir = {folder}
libdir = /usr/lib/freeradius
correct_escapes = true
log {{ destination = stdout, auth = yes }}
security {{ max_attributes = 200, reject_delay = 0, status_server = no }}
thread pool {{ start_servers = 1, max_servers = 4, min_spare_servers = 1, max_spare_servers = 2 }}
client gateway {{ ipaddr = 127.0.0.1, secret = testing123 }}
modules {{
    pap {{ }}
    mschap {{ use_mppe = yes }}
    files {{ filename = {folder}/users }}
    eap {{
        default_eap_type = {first}
        timer_expire = 60
        max_sessions = 64
        tls-config lab {{
            certificate_file = {folder}/chain.pem
            private_key_file = {files}/server-radius.key
            ca_file = {folder}/authorities.pem
            tls_min_version = "{tls}"
            tls_max_version = "{tls}"
            cipher_list = "DEFAULT"
            ecdh_curve = "prime256v1"
            include_length = yes
            cache {{ enable = no }}
        }}
        md5 {{ }}
        gtc {{ challenge = "{words}", auth_type = PAP }}
        mschapv2 {{ }}
        tls {{ tls = lab }}
        ttls {{ tls = lab, default_eap_type = md5, virtual_server = inner }}
        peap {{ tls = lab, default_eap_type = {inner}, virtual_server = inner }}
    }}
}}
server outer {{
    listen {{ type = auth, ipaddr = 127.0.0.1, port = 1812 }}
    authorize {{
        eap {{
            ok = return
        }}
    }}
    authenticate {{
        eap
    }}
}}
server inner {{
    authorize {{
        mschap
        eap {{
            ok = return
        }}
        files
        pap
    }}
    authenticate {{
        Auth-Type PAP {{
            pap
        }}
        Auth-Type MS-CHAP {{
            mschap
        }}
        eap
    }}
}}
"""


_HOSTAPD = """
driver=none
radius_server_clients={folder}/clients
radius_server_auth_port=1812
eap_server=1
eap_user_file={folder}/users
ca_cert={folder}/authorities.pem
server_cert={folder}/chain.pem
private_key={files}/server-radius.key
"""


class _Server:
    """``space`` is the gateway's namespace, which must exist. ``log``: with everything that it was asked, passwords
    too."""

    ready = ""

    def __init__(self, space: str, folder: Path) -> None:
        self.space, self.folder = space, folder
        self.process: subprocess.Popen[str] | None = None

    def stop(self) -> None:
        if self.process is not None:
            shell.stop(self.process)
            self.process = None

    def log(self) -> str:
        """Of this start."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def _files(self, **contents: str) -> None:
        """These, and the chain that it sends and the authorities of the users."""
        self.stop()
        self.folder.mkdir(parents=True, exist_ok=True)
        for name, chain in (("chain.pem", ("server-radius", "int")), ("authorities.pem", ("root", "int"))):
            contents[name] = "".join((pki.directory() / f"{one}.crt").read_text() for one in chain)
        for name, text in contents.items():
            (self.folder / name).write_text(text)

    def _run(self, *command: str) -> None:
        with self._log.open("w") as out:
            self.process = shell.start([*netns.command(self.space), *command], stdout=out, stderr=out)
        until = time.monotonic() + 20
        while not re.search(self.ready, self.log(), re.MULTILINE):
            if self.process.poll() is not None or time.monotonic() > until:
                raise LabError(f"{command[0]} did not start:\n{self.log()[-4000:]}")
            time.sleep(0.02)

    @property
    def _log(self) -> Path:
        return self.folder / "server.log"


class FreeRadius(_Server):
    ready = r"^Ready to process requests$"

    def start(self, tls: str = "1.3", first: str = "peap", inner: str = "mschapv2", words: str = "Password: ") -> None:
        """``tls``: the one version it speaks; ``first``: the method that it offers first, whatever a client then asks
        for; ``inner``: the one within PEAP; ``words``: GTC's. Raises LabError."""
        self._files(**{"radiusd.conf": _CONFIG.format(folder=self.folder, files=pki.directory(), tls=tls, first=first,
                                                      inner=inner, words=words),
                       "users": f'"{USER}" Cleartext-Password := "{PASSWORD}"\n',
                       "dictionary": ""})     # in the place of /etc/freeradius's; the standard one comes first
        self._run(RADIUSD, "-X", "-d", str(self.folder))


class Hostapd(_Server):
    """Without an access point: its EAP server alone."""

    ready = r"AP-ENABLED"

    def start(self) -> None:
        """PEAP for everybody; cryptobinding is offered. Raises LabError."""
        self._files(**{
            "hostapd.conf": _HOSTAPD.format(folder=self.folder, files=pki.directory()),
            "users": f'* PEAP [ver=0]\n"{USER}" MSCHAPV2,GTC "{PASSWORD}" [2]\n', "clients": "127.0.0.1 testing123\n"})
        self._run(HOSTAPD, "-dd", "-K", str(self.folder / "hostapd.conf"))
