"""A captive portal at a router: web pages lead to its log-in, and nothing else passes, until somebody has logged in.

As a program it is the portal's web server: ``portal.py PORT URL`` answers everything with a redirect to URL.
"""

import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.lab.lab import Lab

PORT = 8080
LOGIN = "http://login.hotel.test/welcome?from=wifi"
_RULES = f"""table ip portal {{
  chain web {{ type nat hook prerouting priority dstnat; iifname lan0 tcp dport 80 redirect to :{PORT}; }}
}}"""


class Portal:
    """At the Wi-Fi's router, from the start until ``log_in``."""

    def __init__(self, lab: "Lab") -> None:
        self._lab = lab
        self._server = lab.popen("wifi", sys.executable, "-E", "-S", str(Path(__file__)), str(PORT), LOGIN,
                                 stdout=subprocess.PIPE, text=True)
        assert self._server.stdout is not None
        assert self._server.stdout.readline() == "ready\n"
        lab.exec("wifi", "nft", "-f", "-", stdin=_RULES)
        lab.udp("wifi", "block")

    def log_in(self) -> None:
        """Somebody has: everything passes."""
        self._lab.udp("wifi", "open")
        self.close()

    def close(self) -> None:
        self._lab.exec("wifi", "nft", "delete", "table", "ip", "portal", check=False)


class _Redirect(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(302)
        self.send_header("Location", sys.argv[2])
        self.send_header("Content-Length", "0")
        self.end_headers()


if __name__ == "__main__":
    with ThreadingHTTPServer(("", int(sys.argv[1])), _Redirect) as server:
        print("ready", flush=True)
        server.serve_forever()
