"""python -m benchmarks [names]: prints one table for each benchmark. Without names, all of them."""

import argparse
from collections.abc import Callable

from benchmarks import ingest
from benchmarks.tables import Table

BENCHES: dict[str, Callable[[argparse.Namespace], Table]] = {
    "ingest": lambda options: ingest.bench(
        batches=tuple(options.batch or (1, 64, 1000)), rounds=options.rounds, peer=not options.no_peer
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measures the speed of Rallypoint.")
    parser.add_argument("names", nargs="*", choices=[*BENCHES, []], help=f"which of: {', '.join(BENCHES)}")
    parser.add_argument("--batch", type=int, action="append", choices=[1, 64, 1000], help="only these batch sizes")
    parser.add_argument("--rounds", type=int, default=1, help="runs of each cell, of which the median is shown")
    parser.add_argument("--no-peer", action="store_true", help="do not run the peer beside it")
    options = parser.parse_args()
    for name in options.names or BENCHES:
        print(BENCHES[name](options).text(), end="\n\n", flush=True)


if __name__ == "__main__":
    main()
