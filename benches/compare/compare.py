"""Times workloads under Rushlight and PyTorch by turns; README.md beside this file says how to call it."""

from __future__ import annotations

import argparse
import importlib
import json
import math
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from workloads import WORKLOADS, Work

# A round is at least so long, in seconds.
ROUND = 0.03


def serve(library: str, threads: int) -> None:
    """A worker: for each name that comes in, times one round of it and says how long a run takes, or why it cannot."""
    module = importlib.import_module(library)
    if threads:
        module.set_num_threads(threads)
    made: dict[str, tuple[Work, int]] = {}
    for line in sys.stdin:
        name = line.rstrip("\n")
        try:
            if name not in made:
                made[name] = prepare(WORKLOADS[name](module))
            answer: dict[str, Any] = {"seconds": timed(*made[name])}
        except Exception as error:  # whatever a library that lacks something raises
            answer = {"error": f"{type(error).__name__}: {error}".splitlines()[0]}
        print(json.dumps(answer), flush=True)


def prepare(work: Work) -> tuple[Work, int]:
    """How often a workload must run to fill a round; what it needs at first (memory, threads) is there afterwards."""
    times = 1
    while True:
        work()
        if (seconds := timed(work, times) * times) >= ROUND:
            return work, times
        times = max(times * 2, min(int(times * ROUND / max(seconds, 1e-9)), times * 100))


def timed(work: Work, times: int) -> float:
    """Seconds of one run, on average of so many."""
    start = time.perf_counter()
    for _ in range(times):
        work()
    return (time.perf_counter() - start) / times


class Worker:
    """A library in a process of its own."""

    def __init__(self, library: str, threads: int) -> None:
        command = [sys.executable, str(Path(__file__)), "--serve", library, "--threads", str(threads)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, name: str) -> dict[str, Any]:
        """One round of a workload."""
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(name + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        return json.loads(line) if line else {"error": "the process ended"}


def cpu() -> str:
    """The name of this machine's CPU."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def main() -> None:
    """Parses the command line and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("words", nargs="*", help="time only what has one of these words in its name")
    parser.add_argument("--libraries", default="rushlight,torch", help="two; the ratio is the second's time by the first's")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=0, help="0 leaves it to the library")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        return serve(options.serve, options.threads)
    names = [name for name in WORKLOADS if not options.words or any(word in name for word in options.words)]
    libraries = options.libraries.split(",")
    workers = [Worker(library, options.threads) for library in libraries]
    print(f"{cpu()}, Python {platform.python_version()}, microseconds")
    print(f"{'':<40} {libraries[0]:>12} {libraries[1]:>12} {'ratio':>7}")
    ratios: list[float] = []
    for name in names:
        best = [math.inf, math.inf]
        errors: list[str | None] = [None, None]
        for _ in range(options.rounds):
            for i, worker in enumerate(workers):
                if errors[i] is None:
                    answer = worker.ask(name)
                    errors[i] = answer.get("error")
                    best[i] = min(best[i], answer.get("seconds", math.inf))
        if any(errors):
            said = "; ".join(f"{library}: {error}" for library, error in zip(libraries, errors) if error)
            print(f"{name:<40} {said}")
            continue
        ratios.append(best[1] / best[0])
        print(f"{name:<40} {best[0] * 1e6:>12.2f} {best[1] * 1e6:>12.2f} {ratios[-1]:>7.2f}", flush=True)
    if ratios:
        mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
        print(f"{'geometric mean of ' + str(len(ratios)):<40} {'':>12} {'':>12} {mean:>7.2f}")


if __name__ == "__main__":
    main()
