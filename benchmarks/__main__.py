"""python -m benchmarks [subjects]: measures, and prints one table for each subject. Without subjects, all of them."""

import argparse
import signal
import sys
from collections.abc import Callable

from benchmarks import board, ingest, latency, memory, start, sync, timers
from benchmarks.tables import Table
from rallypoint import logs

SUBJECTS: dict[str, Callable[[argparse.Namespace], Table]] = {
    "ingest": lambda o: ingest.bench(
        batches=tuple(o.batch or (1, 64, 1000)), rounds=o.rounds, seconds=1.0 if o.quick else 3.0, peer=not o.no_peer
    ),
    "latency": lambda o: latency.bench(seconds=6.0 if o.quick else 20.0, peer=not o.no_peer),
    "timers": lambda o: timers.bench(
        seconds=3.0 if o.quick else 10.0, heap=20_000 if o.quick else 100_000, rounds=o.rounds
    ),
    "board": lambda o: board.bench(
        incidents=10_000 if o.quick else 100_000, opened=100 if o.quick else 1_000, requests=30 if o.quick else 150
    ),
    "start": lambda o: start.bench(rounds=o.rounds),
    "sync": lambda o: (
        sync.bench(probes=60, links=20, edits=10, allowed=None, idle=10_000, seconds=30.0) if o.quick else sync.bench()
    ),
    "memory": lambda o: memory.bench(seconds=5.0 if o.quick else 20.0),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measures the speed of Rallypoint, in about half an hour and 5 GB of the temporary folder. "
        "On a machine that does other things, only ratios of one run mean anything.",
    )
    parser.add_argument("subjects", nargs="*", metavar="subject", help=f"which of: {', '.join(SUBJECTS)}; all if none")
    parser.add_argument("--quick", action="store_true", help="shorter and smaller: to see that it works")
    parser.add_argument("--rounds", type=int, help="runs of each cell, of which the median is shown (3; quick: 1)")
    parser.add_argument("--batch", type=int, action="append", choices=[1, 64, 1000], help="ingest: only these sizes")
    parser.add_argument("--no-peer", action="store_true", help="do not run the peer beside it")
    options = parser.parse_args()
    if unknown := sorted(set(options.subjects) - SUBJECTS.keys()):
        parser.error(f"there is no subject {', '.join(unknown)}; there is {', '.join(SUBJECTS)}")
    options.rounds = options.rounds or (1 if options.quick else 3)
    logs.configure("error")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended on the way out
    for subject in options.subjects or SUBJECTS:
        SUBJECTS[subject](options).show()


if __name__ == "__main__":
    main()
