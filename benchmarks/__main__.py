"""``make bench``: connect time and throughput beside strongSwan's in the same lab. Root; some minutes."""

import argparse
import sys

from benchmarks import connect, throughput


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--runs", type=int, default=10, help="connects per row")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of throughput")
    parser.add_argument("--seconds", type=float, default=4.0, help="of each round")
    parser.add_argument("--only", choices=("connect", "throughput"))
    options = parser.parse_args()
    met = True
    if options.only != "connect":
        met = throughput.run(options.rounds, options.seconds) and met
    if options.only != "throughput":
        for rtt in (40, 0):
            met = connect.run(rtt, options.runs) and met
    print("\nEvery goal is met." if met else "\nNot every goal is met.")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
