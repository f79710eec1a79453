"""``python -m tests.lab [PREFIX] [v6] [relay]``: a lab to try things in, until Ctrl-C."""

import signal
import sys

from tests.lab.host import REPOSITORY
from tests.lab.lab import Lab


def main(words: list[str]) -> None:
    options = {"v6", "relay"} & set(words)
    prefix = next((word for word in words if word not in options), "rvh")
    with Lab(prefix, v6="v6" in options, relay="relay" in options) as lab:
        lab.gateway.start()
        print(f"The lab is up; its files are in {lab.folder}. Ctrl-C takes it down.\n")
        for where in lab.spaces:
            print(f"  {where:6}  nsenter --net=/run/netns/{lab.spaces[where]} bash")
        print(f"\n  as root on the client's machine:\n  cd {REPOSITORY} && {' '.join(lab.host.enter('bash')[:4])} bash")
        try:
            signal.pause()
        except KeyboardInterrupt:
            print("\ngoing down")


if __name__ == "__main__":
    main(sys.argv[1:])
