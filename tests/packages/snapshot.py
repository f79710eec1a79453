"""What a machine is made of, for a look before and after."""

from tests.packages.machine import Machine

# What any run of dpkg and systemd writes: logs, caches, dpkg's own records and their backups.
_PASSING = ("/proc", "/sys", "/run", "/dev", "/tmp", "/var/log", "/var/cache", "/var/tmp", "/var/lib/dpkg",
            "/var/lib/systemd", "/var/lib/apt", "/root/.cache", "/home")
# The account of a package stays after a purge, as Debian's policy has it (its files could come back to life
# under another's number); the backups are passwd's own.
_ACCOUNTS = ("/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow", "/etc/passwd-", "/etc/group-", "/etc/shadow-",
             "/etc/gshadow-", "/etc/subuid", "/etc/subgid", "/etc/.pwd.lock")


def take(machine: Machine) -> dict[str, str]:
    """File → kind, mode, owner, size; and what the kernel and the daemons know of the network."""
    prune = " -o ".join(f"-path {path}" for path in _PASSING)
    listing = machine.run("sh", "-c", f"find / -xdev \\( {prune} \\) -prune -o -printf '%p\\t%y %m %U:%G %s %l\\n'")
    found = {}
    for line in listing.splitlines():
        path, _, facts = line.partition("\t")
        kind = facts.split(" ")[0]
        # a folder's size says how many entries it once had
        found[path] = " ".join(facts.split(" ")[:3]) if kind == "d" else facts
    for path in _ACCOUNTS:
        found.pop(path, None)
    for name, command in {
            "ip rule": "ip rule; ip -6 rule", "routes": "ip route show table all; ip -6 route show table all",
            "links": "ip -br link", "nft": "nft list ruleset",
            # but for sessions and the scenario's own units, which are transient, the server that resolved happens to
            # ask (its line sets how far the others are indented), and polkit, started when asked
            "units": "systemctl list-unit-files --no-legend | awk '$2 != \"transient\"'",
            "dns": "resolvectl status --no-pager | grep -v 'Current DNS Server' | tr -s ' ' | sed 's/^ //'",
            "bus": "busctl list --acquired --no-legend | awk '{print $1}' | grep -vE '^:|PolicyKit1'",
            "processes": "ps -eo comm= | grep rove || true",
            "sysctl": "sysctl -a 2>/dev/null | grep -E 'rp_filter|src_valid_mark|accept_ra|disable_ipv6'"}.items():
        found[f"[{name}]"] = machine.run("sh", "-c", command)
    return found


def difference(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """Of what has several lines, the lines."""
    found = []
    for key in sorted({*before, *after}):
        was, now = before.get(key, "not there").splitlines(), after.get(key, "gone").splitlines()
        if was != now:
            found.append(f"{key}: {[line for line in was if line not in now]} → "
                         f"{[line for line in now if line not in was]}")
    return found
