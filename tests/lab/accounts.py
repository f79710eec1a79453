"""The unprivileged users of a lab, and the logind session that polkit believes they have.

No account is made on the machine: the lab's own copy of /etc/passwd has them. A session is what sd-login reads: files
below /run/systemd and the name of the process's control group.
"""

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

from tests.lab.shell import LabError

_V2 = "cgroup.controllers"  # only version 2 of control groups has this file


@dataclass(frozen=True)
class Account:
    name: str
    uid: int

    @property
    def passwd(self) -> str:
        return f"{self.name}:x:{self.uid}:{self.uid}:lab user:{self.home}:/bin/sh\n"

    @property
    def group(self) -> str:
        return f"{self.name}:x:{self.uid}:\n"

    @property
    def home(self) -> str:
        return f"/run/home/{self.name}"      # /run is the lab's own

    @property
    def runtime(self) -> str:
        return f"/run/user/{self.uid}"

    def command(self) -> list[str]:
        """The words before a command that run it as this user, without a privilege left."""
        ids = [f"--reuid={self.uid}", f"--regid={self.uid}"] if self.uid else []
        return ["setpriv", *ids, "--clear-groups", "--"] if ids else []


ROOT = Account("root", 0)
ACCOUNTS = {account.name: account for account in (Account("rovetest1", 4711), Account("rovetest2", 4712))}


class Sessions:
    """The faked logind sessions of one lab. ``root`` is the lab's root folder as seen from outside."""

    def __init__(self, prefix: str, root: Path) -> None:
        self._prefix, self._root = prefix, root

    def open(self, account: Account, active: bool = True, remote: bool = False) -> None:
        """(Re)write the account's session: ``active`` or in the background; ``remote`` ones have no seat."""
        session, state = self.name(account), "active" if active else "online"
        seat = {} if remote else {"SEAT": "seat0"}
        self._write(f"sessions/{session}", {
            "UID": account.uid, "USER": account.name, "ACTIVE": int(active), "STATE": state, "REMOTE": int(remote),
            "TYPE": "tty" if remote else "x11", "CLASS": "user", "IS_DISPLAY": 1} | seat)
        self._write(f"users/{account.uid}", {
            "NAME": account.name, "STATE": state, "SESSIONS": session, "DISPLAY": session,
            "ACTIVE_SESSIONS": session if active else ""})
        self._write("seats/seat0", {
            "ACTIVE": session, "ACTIVE_UID": account.uid, "SESSIONS": session, "UIDS": account.uid})
        for _ in range(10):  # another lab may remove the shared folders while we make ours
            with contextlib.suppress(FileNotFoundError):
                self.group(account).mkdir(parents=True, exist_ok=True)
                break

    def name(self, account: Account) -> str:
        return f"{self._prefix}u{account.uid}"

    def group(self, account: Account) -> Path:
        """The control group whose name tells sd-login the session."""
        return hierarchy() / "user.slice" / f"user-{account.uid}.slice" / f"session-{self.name(account)}.scope"

    def close(self) -> None:
        """Remove the control groups; their processes have ended."""
        for account in ACCOUNTS.values():
            group = self.group(account)
            # user.slice is systemd's where it runs
            top = [] if Path("/run/systemd/system").is_dir() else [group.parent.parent]
            for folder in (group, group.parent, *top):
                with contextlib.suppress(OSError):  # gone already, or another lab lives there too
                    folder.rmdir()

    def _write(self, name: str, values: dict[str, object]) -> None:
        path = self._root / "run/systemd" / name
        draft = path.with_name(f".{path.name}.new")
        draft.write_text("".join(f"{key}={value}\n" for key, value in values.items()))
        os.replace(draft, path)


def hierarchy() -> Path:
    """Where sd-login looks for a process's unit: version 2 of control groups, pure or beside version 1."""
    top = Path("/sys/fs/cgroup")
    for folder in (top, top / "unified"):
        if (folder / _V2).exists():
            return folder
    if (top / "systemd").is_dir():
        return top / "systemd"
    raise LabError("no control group hierarchy that sd-login reads is mounted below /sys/fs/cgroup")
