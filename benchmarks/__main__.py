"""``make bench``: connect time, throughput and roaming beside strongSwan's in the same lab. Root; some minutes."""

import argparse
import sys

from benchmarks import connect, handshake, roam, throughput


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--runs", type=int, default=10, help="connects per row, and roams")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of throughput")
    parser.add_argument("--seconds", type=float, default=4.0, help="of each round")
    parser.add_argument("--only", choices=("connect", "throughput", "roam", "handshake"))
    options = parser.parse_args()
    met = True
    if options.only in (None, "handshake"):
        met = handshake.run() and met
    if options.only in (None, "throughput"):
        met = throughput.run(options.rounds, options.seconds) and met
    if options.only in (None, "roam"):
        met = roam.run(options.runs) and met
    if options.only in (None, "connect"):
        for rtt in (40, 0):
            met = connect.run(rtt, options.runs) and met
    print("\nEvery goal is met." if met else "\nNot every goal is met.")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
