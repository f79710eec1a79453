"""The commands of ``rove`` as a table, and their argparse tree. Imports nothing that a usage error can do without."""

import argparse
import math
from collections.abc import Callable
from dataclasses import dataclass

DEFAULT_TIMEOUT = 60.0
MAX_TIMEOUT = 86400.0
MAX_MINUTES = 1440
DEFAULT_PAUSE_MINUTES = 15


@dataclass(frozen=True)
class Command:
    """``module`` has a function ``run_<name>(options) -> int``, imported when the command is used."""

    name: str
    module: str
    summary: str
    arguments: Callable[[argparse.ArgumentParser], None]
    examples: str = ""


def parser() -> argparse.ArgumentParser:
    """The tree. It exits by itself: 0 after --help and --version, 2 on a usage error."""
    top = argparse.ArgumentParser(
        prog="rove", usage="rove [-h] [--version] COMMAND …", description=_overview(), epilog=_EXAMPLES,
        allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter)
    top.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", prog="rove", required=True, help=argparse.SUPPRESS)
    for row in COMMANDS:
        sub = commands.add_parser(
            row.name, description=_sentence(row.summary), allow_abbrev=False,
            epilog=f"examples:\n{row.examples}" if row.examples else None,
            formatter_class=argparse.RawDescriptionHelpFormatter)
        row.arguments(sub)
    return top


# --- checks of single arguments: argparse turns ArgumentTypeError into a usage error ---


def profile_name(text: str) -> str:
    from client.model.profile import ProfileError, check_name  # 20 ms that “rove status” can do without
    try:
        return check_name(text)
    except ProfileError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= MAX_TIMEOUT:       # also false for NaN
        raise argparse.ArgumentTypeError(f"must be seconds from 0 to {MAX_TIMEOUT:.0f}")
    return value


def minutes(text: str) -> float:
    """→ seconds."""
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:5]) <= MAX_MINUTES:
        raise argparse.ArgumentTypeError(f"must be minutes from 1 to {MAX_MINUTES}")
    return 60.0 * int(text)


def descriptor(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 6:
        raise argparse.ArgumentTypeError("must be the number of an open file descriptor")
    return int(text)


# --- the arguments of each command ---


def _name(sub: argparse.ArgumentParser, optional: bool = False) -> None:
    sub.add_argument("name", metavar="NAME", type=profile_name, nargs="?" if optional else None,
                     help="a profile's name" + (" (default: all)" if optional else ""))


def _json(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--json", action="store_true", help="for programs: JSON")


def _import(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("file", metavar="FILE", help="a Rove profile (TOML) or a strongSwan one (.sswan)")
    sub.add_argument("--name", metavar="NAME", type=profile_name, help="call the profile NAME")
    sub.add_argument("--system", action="store_true", help="for all users of this computer, also before log-in")
    sub.add_argument("--password-fd", metavar="N", type=descriptor,
                     help="read the passphrase of the key from file descriptor N; with --system also passwords and "
                          "pre-shared keys, one line each, which roved keeps")
    sub.add_argument("--check", action="store_true", help="only check the file, import nothing")


def _list(sub: argparse.ArgumentParser) -> None:
    _json(sub)


def _delete(sub: argparse.ArgumentParser) -> None:
    _name(sub)
    sub.add_argument("--yes", action="store_true", help="do not ask")


def _connect(sub: argparse.ArgumentParser) -> None:
    _name(sub)
    sub.add_argument("--timeout", metavar="S", type=seconds, default=DEFAULT_TIMEOUT,
                     help="give up after S seconds, not counting prompts; 0: never (default: %(default)g)")
    sub.add_argument("--password-fd", metavar="N", type=descriptor,
                     help="read the password, pre-shared key or passphrase as one line from file descriptor N; "
                          "several secrets as several lines, in the order of user.auth")
    _pin_fd(sub)
    sub.add_argument("--remember", action="store_true",
                     help="keep what is typed in the session's keyring, once the gateway has accepted it")


def _disconnect(sub: argparse.ArgumentParser) -> None:
    _name(sub, optional=True)


def _pause(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("seconds", metavar="MINUTES", type=minutes, nargs="?", default=60.0 * DEFAULT_PAUSE_MINUTES,
                     help=f"1 to {MAX_MINUTES} (default: {DEFAULT_PAUSE_MINUTES})")


def _rekey(sub: argparse.ArgumentParser) -> None:
    _name(sub)
    sub.add_argument("--ike", action="store_true", help="renew the IKE SA instead of the tunnel's keys")


def _reauth(sub: argparse.ArgumentParser) -> None:
    _name(sub)
    sub.add_argument("--timeout", metavar="S", type=seconds, default=DEFAULT_TIMEOUT,
                     help="stop waiting after S seconds; 0: never (default: %(default)g)")
    sub.add_argument("--password-fd", metavar="N", type=descriptor,
                     help="read the password, pre-shared key or passphrase as one line from file descriptor N")
    _pin_fd(sub)


def _pin_fd(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--pin-fd", metavar="N", type=descriptor,
                     help="read the smartcard's PIN as one line from file descriptor N; a wrong one is tried once")


def _agent(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--cache-pin", metavar="MINUTES", type=minutes, default=0.0,
                     help="keep a smartcard's PIN in memory for so long (default: ask each time)")


def _token(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("what", metavar="list", choices=("list",), help="what is inserted, with its certificates")
    sub.add_argument("--module", metavar="PATH", help="ask this PKCS#11 module instead of those that p11-kit knows")
    _json(sub)


def _nothing(sub: argparse.ArgumentParser) -> None:
    """No arguments of its own."""


def _status(sub: argparse.ArgumentParser) -> None:
    _name(sub, optional=True)
    _json(sub)


def _log(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("-f", "--follow", action="store_true", help="go on with new lines as they come")
    sub.add_argument("--since", metavar="T", default="",
                     help='a time ("2026-05-04 13:00", "13:00") or an age ("10m", "2h"); default: all there is')
    _json(sub)


def _report(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("file", metavar="FILE", help="where to write it")
    sub.add_argument("--force", action="store_true", help="replace FILE if it is there")


COMMANDS: tuple[Command, ...] = (
    Command("import", "profiles", "take over a profile from a file", _import,
            "  rove import work.toml\n  rove import --check office.sswan\n  rove import office.sswan --name work"),
    Command("list", "profiles", "list the profiles", _list),
    Command("show", "profiles", "print a profile as TOML, without secrets", _name),
    Command("delete", "profiles", "delete a profile and its copied credentials", _delete),
    Command("connect", "connect", "connect, and return when connected", _connect,
            "  rove connect work\n  rove connect work --timeout 20\n"
            "  pass show vpn | rove connect work --password-fd 0"),
    Command("disconnect", "control", "end a connection, or all of them", _disconnect),
    Command("pause", "control", "disconnect for a while; connections come back by themselves", _pause,
            "  rove pause\n  rove pause 60"),
    Command("rekey", "control", "renew the keys now", _rekey),
    Command("reauth", "control", "log in again, beside the connection in use", _reauth),
    Command("agent", "agent", "stay, and ask for secrets on this terminal when needed", _agent),
    Command("token", "token", "show smartcards and their certificates", _token,
            "  rove token list\n  rove token list --json | jq -r '.tokens[].certificates[].uri'"),
    Command("status", "status", "show the connections", _status,
            "  rove status\n  rove status work --json | jq .connections[0].state"),
    Command("watch", "watch", "print what happens, one line per event, until interrupted", _json),
    Command("log", "watch", "print the connections' log", _log,
            "  rove log --since 10m\n  rove log -f"),
    Command("report", "report", "write a report for support: no secrets, names and addresses masked", _report,
            "  rove report rove-report.txt"),
)

_EXAMPLES = """\
examples:
  rove import work.toml        take over a profile
  rove connect work            asks for what it needs, returns when connected
  rove status                  what is connected, how, since when
  rove disconnect work

“rove COMMAND --help” says more; rove(1) has the exit codes, rove-profile(5) the profiles."""


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import PackageNotFoundError, version  # 30 ms that only --version needs
        try:
            number = version("rove-vpn")
        except PackageNotFoundError:
            number = "(not installed)"
        print(f"rove {number}")     # parser.exit would write to stderr
        parser.exit()


def _overview() -> str:
    commands = "\n".join(f"  {row.name:11} {row.summary}" for row in COMMANDS)
    return f"A roaming IKEv2 VPN client.\n\ncommands:\n{commands}"


def _sentence(summary: str) -> str:
    return summary[0].upper() + summary[1:] + "."
