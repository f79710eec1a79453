"""Who may import whom. A layer that is not in ALLOWED's row of another is forbidden to it, for the reason in WHY."""

import ast
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LAYERS = ("model", "bus", "texts", "importers", "agent", "report", "cli", "gui", "core.crypto", "core.ikev2",
          "core.eap", "core.pki", "core.esp", "core.datapath", "core.platform", "core.helper")

# layer → what it may import: layers, or single modules of one
ALLOWED = {
    "model": (),
    "bus": ("model",),
    "texts": ("model",),
    "importers": ("model", "core.pki"),                     # pki opens a .p12
    "agent": ("model", "bus", "core.eap", "core.pki", "core.crypto",
              # pure functions: what to sign, and the strict parser of the IKE_SA_INIT that is signed
              "core.ikev2.auth", "core.ikev2.message", "core.ikev2.payloads", "core.ikev2.constants",
              "core.ikev2.errors"),
    "report": ("model", "bus", "texts"),
    "cli": ("model", "bus", "importers", "texts", "agent", "report"),   # hosts an agent while it connects
    "gui": ("model", "bus", "importers", "texts", "agent", "report"),   # hosts the session's agent
    "core.crypto": (),
    "core.ikev2": ("core.crypto", "model"),                  # Cause, Endpoint
    "core.eap": ("core.crypto", "model"),                    # Cause
    "core.pki": ("core.crypto", "model",
                 # AUTH signatures and identity types are IKE's; pki judges with them
                 "core.ikev2.auth", "core.ikev2.constants", "core.ikev2.identity", "core.ikev2.payloads"),
    "core.esp": ("core.crypto",),
    "core.datapath": ("core.esp", "core.crypto", "model"),   # Endpoint
    "core.platform": ("model",),
    "core.helper": ("model", "bus.interface", "bus.patience", "core.crypto", "core.ikev2", "core.pki", "core.datapath",
                    "core.platform", "texts", "agent.harden",        # texts: last_error of the status
                    # the same code signs for system profiles, whose credentials are the machine's
                    "agent.service", "agent.prompts", "agent.vault"),
}

# (importer, imported, why not); the first that fits counts
WHY = (
    ("model", "*", "model is the vocabulary of all; importing anything would make a circle of everything"),
    ("*", "cli", "a front end is the end: nothing builds on it"),
    ("*", "gui", "a front end is the end: nothing builds on it, least of all what has to run without a display"),
    ("gui", "core.*", "a front end is unprivileged and talks to roved over D-Bus only"),
    ("cli", "core.*", "a front end is unprivileged and talks to roved over D-Bus only"),
    ("core.ikev2", "core.eap", "IKE carries EAP as bytes and sees only the MSK; methods live with the secrets"),
    ("core.eap", "core.ikev2", "EAP methods run in the agent and know nothing of what carries them"),
    ("*", "report", "a report is asked for by a person, at a front end"),
    ("report", "*", "a report is made of what roved tells anyhow: where there are secrets or packets it does not go"),
    ("core.helper", "core.eap", "EAP methods need the user's secrets, and those never reach root"),
    ("core.helper", "agent", "users' secrets stay in their sessions; root hardens itself, signs for system profiles"),
    ("core.helper", "bus", "roved is the other end of that interface; the client library is for front ends"),
    ("core.helper", "importers", "root never parses foreign files: front ends hand over a finished profile"),
    ("core.helper", "core.esp", "packets are the unprivileged data path's; roved goes through the DataPath protocol"),
    ("core.crypto", "model", "octets in, octets out: primitives know no users and no causes"),
    ("core.esp", "model", "octets in, octets out: the codec knows no users and no causes"),
    ("core.*", "core.helper", "roved composes the core, so the core cannot know it"),
    ("core.*", "core.platform", "only roved changes the host; codecs and engine stay testable without one"),
    ("core.*", "bus", "the core is a library under roved; the bus is roved's face"),
    ("core.*", "texts", "the core names causes; sentences are made where people read them"),
    ("core.*", "importers", "files are read by front ends, in the user's session"),
    ("core.*", "agent", "the agent uses the core, not the other way round"),
    ("core.*", "core.*", "parts of the core meet in roved and in the agent, so that each is tested alone"),
    ("agent", "core.ikev2", "the agent signs and parses IKE_SA_INIT; state machines are the engine's in roved"),
    ("agent", "core.*", "an unprivileged process in the user's session: it neither moves packets nor changes the host"),
    ("agent", "texts", "the host of the agent (CLI, tray) words what people read"),
    ("agent", "importers", "profiles reach the agent from roved, already checked"),
    ("bus", "*", "the client library knows D-Bus and the vocabulary, whoever uses it"),
    ("texts", "*", "sentences are a function of the vocabulary"),
    ("importers", "*", "a foreign file becomes a profile by reading it; nothing is asked or sent"),
)

SANS_IO = ("core.crypto", "core.ikev2", "core.eap", "core.esp")
IMPURE = {
    "asyncio": "no event loop: sans-IO is a function of bytes and time",
    "socket": "no I/O: datagrams are returned, not sent",
    "select": "no I/O",
    "time": "`now` is an argument, so that tests own the clock",
    "os": "randomness is an argument, and there are no files here",
    "random": "randomness is an argument",
    "secrets": "randomness is an argument",
    "threading": "no concurrency: the caller owns it",
    "subprocess": "no I/O",
    "logging": "events tell what happens; whoever runs the engine logs them",
}

# What the desktop shows is decided without Qt, so that tables can test it.
VIEW = ROOT / "client/gui/view"
NOT_IN_A_VIEW = ("PySide6", "qasync", "asyncio", "dbus_fast", "time", "os")

# library → the layers that may use it, and why only those
LIBRARIES = {
    "dbus_fast": (("bus", "agent", "cli", "gui", "core.helper", "core.platform"), "the core is below the bus"),
    "jeepney": (("bus",), "one question needs no event loop; whatever listens has dbus-fast"),
    "dns": (("core.platform",), "names are looked up over marked sockets on the uplink, in one place"),
    "pkcs11": (("agent",), "a token's library is loaded into the user's process, never into root's"),
    "keyring": (("agent",), "stored secrets are the user's"),
    "PySide6": (("gui",), "a machine without a display has no Qt"),
    "qasync": (("gui",), "Qt's event loop is the desktop's"),
    "tomlkit": (("importers", "cli"), "roved keeps profiles as they are and only reads them (tomllib)"),
    "cryptography": (("core.crypto", "core.ikev2", "core.eap", "core.pki", "core.esp", "core.helper", "agent",
                      "importers"), "front ends and the vocabulary start fast and hold no keys"),
}


def files(layer):
    path = ROOT / "client" / layer.replace(".", "/")
    return sorted(path.rglob("*.py")) if path.is_dir() else [path.with_suffix(".py")]


def imports(file):
    """(line, module) for each module a file imports, also inside functions."""
    for node in ast.walk(ast.parse(file.read_text(), str(file))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, name.name) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno}: a relative import"
            module = node.module or ""
            if module.startswith("client") and (ROOT / module.replace(".", "/")).is_dir():
                yield from ((node.lineno, f"{module}.{name.name}") for name in node.names)
            else:
                yield node.lineno, module


def layer_of(module):
    return next((layer for layer in LAYERS if within(module, layer)), None)


def within(module, part):
    return module == f"client.{part}" or module.startswith(f"client.{part}.")


def why(importer, imported):
    return next((reason for a, b, reason in WHY if fnmatch(importer, a) and fnmatch(imported, b)), None)


def violations(layer):
    for file in files(layer):
        place = file.relative_to(ROOT)
        for line, module in imports(file):
            top = module.split(".")[0]
            target = layer_of(module)
            if top == "client" and target != layer and not any(within(module, part) for part in ALLOWED[layer]):
                yield f"{place}:{line} imports {module}: {why(layer, target or module)}"
            if layer in SANS_IO and top in IMPURE:
                yield f"{place}:{line} imports {module}: {IMPURE[top]}"
            users, reason = LIBRARIES.get(top, ((layer,), ""))
            if layer not in users:
                yield f"{place}:{line} imports {module}: {reason}"


@pytest.mark.parametrize("layer", LAYERS)
def test_layer_imports_only_what_it_may(layer):
    assert list(violations(layer)) == []


def test_a_view_is_a_value():
    assert [f"{file.name}:{line} imports {module}" for file in sorted(VIEW.glob("*.py"))
            for line, module in imports(file) if module.split(".")[0] in NOT_IN_A_VIEW] == []


def test_every_forbidden_edge_has_its_reason():
    allowed = {(layer, part) for layer, parts in ALLOWED.items() for part in parts}
    edges = [(a, b) for a in LAYERS for b in LAYERS if a != b and (a, b) not in allowed]
    assert [edge for edge in edges if why(*edge) is None] == []


def test_one_file_knows_the_smartcard_library():
    """Its calls block and must stay in one thread: ``client.agent.smartcard`` is the way to them."""
    users = {file.relative_to(ROOT).as_posix() for file in (ROOT / "client").rglob("*.py")
             for _, module in imports(file) if module.split(".")[0] == "pkcs11"}
    assert users == {"client/agent/pkcs11.py"}


def test_every_file_belongs_to_a_layer():
    known = {file for layer in LAYERS for file in files(layer)}
    packages = {ROOT / "client/__init__.py", ROOT / "client/core/__init__.py"}
    assert set((ROOT / "client").rglob("*.py")) - known - packages == set()


def test_the_detector_sees_all_forms_of_import(tmp_path):
    source = "import os.path\nfrom client.core import eap\ndef f():\n from client.core.eap.peer import EapPeer\n"
    (tmp_path / "x.py").write_text(source)
    assert list(imports(tmp_path / "x.py")) == [(1, "os.path"), (2, "client.core.eap"), (4, "client.core.eap.peer")]
    assert layer_of("client.core.eap.peer") == "core.eap"
    assert layer_of("client.texts") == "texts"
