"""`python -m benchmarks [NAME ...]`: run all benchmarks, or those that are named, and print their tables."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence

from benchmarks import (
    article,
    chain,
    compile_time,
    compiled_article,
    compiled_digits,
    compiled_moons,
    corpus,
    imports,
    moons,
)
from microgradnet.display import Table, print_table

BENCHMARKS: dict[str, Callable[[], Table]] = {
    "article": article.run,
    "moons": moons.run,
    "chain": chain.run,
    "import": imports.run,
    "compiled_article": compiled_article.run,
    "compiled_moons": compiled_moons.run,
    "compiled_digits": compiled_digits.run,
    "compile_time": compile_time.run,
    "corpus": corpus.run,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a table for each benchmark; 0, or 2 (with a line on standard error) where a peer is not installed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Ratios, bytes and times.")
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"which to run, all by default: {', '.join(BENCHMARKS)}"
    )
    names = parser.parse_args(arguments).names or list(BENCHMARKS)
    if unknown := [name for name in names if name not in BENCHMARKS]:
        parser.error(f"unknown benchmark {unknown[0]!r}; take one of: {', '.join(BENCHMARKS)}")
    for name in names:
        try:
            table = BENCHMARKS[name]()
        except ModuleNotFoundError as error:
            print(f"{name}: {error.name} is not installed; pip install 'microgradnet[bench]'", file=sys.stderr)
            return 2
        print_table(table)
        print(flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
