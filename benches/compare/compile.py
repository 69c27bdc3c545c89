"""A chain of 12 elementwise operations on a million floats: as it is, under torch.compile, and in PyTorch.

    python benches/compare/compile.py --torch /path/to/python-with-torch
"""

from __future__ import annotations

import argparse
import importlib
import json
import subprocess
import sys
import time
from typing import Any

SIZE = 1_000_000


def chain(torch: Any) -> Any:
    """Twelve operations, as a gate with a polynomial in it has them."""

    def f(x: Any, y: Any) -> Any:
        a = x * 0.5 + y  # 2
        b = torch.tanh(a) * x  # 4
        c = torch.sigmoid(b) - y  # 6
        d = torch.relu(c) + a  # 8
        return (d * d + 1.0).sqrt() * 0.25  # 12

    return f


def measure(library: str, threads: int, rounds: int) -> dict[str, float]:
    """Milliseconds of the best round, by how it runs."""
    torch = importlib.import_module(library)
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    x, y = torch.randn(SIZE), torch.randn(SIZE)
    f = chain(torch)
    ways = {"as it is": f}
    if library == "rushlight":
        ways["compiled"] = torch.compile(f)
    found = {}
    with torch.no_grad():
        for name, way in ways.items():
            for _ in range(5):
                way(x, y)
            best = float("inf")
            for _ in range(rounds):
                start = time.perf_counter()
                for _ in range(5):
                    way(x, y)
                best = min(best, (time.perf_counter() - start) / 5)
            found[name] = best * 1e3
        if library == "rushlight":
            assert torch.equal(ways["compiled"](x, y), f(x, y))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--torch", help="the Python that has PyTorch; without it only Rushlight is timed")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--library", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.library:
        print(json.dumps(measure(args.library, args.threads, args.rounds)))
        return
    command = [__file__, "--threads", str(args.threads), "--rounds", str(args.rounds), "--library"]
    results = {"rushlight": json.loads(subprocess.check_output([sys.executable, *command, "rushlight"]))}
    if args.torch:
        results["torch"] = json.loads(subprocess.check_output([args.torch, *command, "torch"]))
    for library, ways in results.items():
        for name, ms in ways.items():
            print(f"{library:10} {name:10} {ms:8.3f} ms")
    if args.torch:
        print(f"compiled against PyTorch as it is: {results['torch']['as it is'] / results['rushlight']['compiled']:.2f} times as fast")


if __name__ == "__main__":
    main()
