"""``roved --cleanup``: remove what a roved that died has left, knowing nothing but the conventions."""

from client.core.platform import dns_resolvconf
from client.core.platform.conventions import NFT_TABLE, run_dir, state_dir
from client.core.platform.dns_file import RESOLV_CONF, restore_resolv_conf
from client.core.platform.netlink import Netlink
from client.core.platform.nftables import ruleset, run_nft, table_exists
from client.core.platform.reconcile import withdraw_unknown
from client.core.platform.sysctl import release_sysctls


def clean_up(everything: bool) -> list[str]:
    """What was removed, in words; an empty list on a clean host. Blocks for some 50 ms.

    ``everything`` (uninstall) also forgets our bookkeeping where its contents could not be used. Every step is
    tried, and one that is refused is among the words.
    """
    done: list[str] = []
    for step in (_network, _filter, _sysctls, _resolvconf, _resolv_conf):
        try:
            done += step()
        except OSError as error:
            done.append(f"(refused) {step.__name__.strip('_')}: {error}")
    if everything:
        done += _bookkeeping()
    return done


def _network() -> list[str]:
    with Netlink() as netlink:
        return withdraw_unknown(netlink)


def _filter() -> list[str]:
    if not table_exists():
        return []
    run_nft(ruleset(()))
    return [f"nftables table {NFT_TABLE}"]


def _sysctls() -> list[str]:
    return [f"sysctl {name}" for name in release_sysctls()]


def _resolvconf() -> list[str]:
    return [f"resolvconf entry {name}" for name in dns_resolvconf.remove_all()]


def _resolv_conf() -> list[str]:
    return [f"our {RESOLV_CONF}; the original is back"] if restore_resolv_conf() else []


def _bookkeeping() -> list[str]:
    done = []
    for path in (run_dir() / "sysctl.json", run_dir() / "resolvconf.json", state_dir() / "resolv.conf.json"):
        if path.exists():
            path.unlink()
            done.append(str(path))
    return done
