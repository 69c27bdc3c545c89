"""Peak resident memory of training workloads under Rushlight and PyTorch, each in a fresh process.

    python benches/compare/memory.py                                    # the train workloads of workloads.py
    python benches/compare/memory.py --workloads ../shared/bench/workloads.py --filter train/

A row gives the peak of the whole process in MiB and, behind it, what the steps added to the process as it was once the library
had been imported. A ratio below 1 means that Rushlight needs less.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any


def workloads(path: str) -> dict[str, Any]:
    """The table of a file of workloads: functions of the library that give back a function without arguments."""
    spec = importlib.util.spec_from_file_location("table", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.WORKLOADS


def resident() -> float:
    """The greatest resident size so far, in MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def measure(library: str, path: str, name: str, threads: int, steps: int) -> None:
    """In a process of its own: runs the workload and prints the peaks."""
    module = importlib.import_module(library)
    module.set_num_threads(threads)
    module.ones(2, requires_grad=True).sum().backward()
    before = resident()
    work = workloads(path)[name](module)
    for _ in range(steps):
        work()
    print(json.dumps({"before": before, "peak": resident()}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workloads", default=str(Path(__file__).with_name("workloads.py")), help="a file with WORKLOADS")
    parser.add_argument("--filter", default="train", help="what the names must contain")
    parser.add_argument("--libs", default="rushlight,torch")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    parser.add_argument("--name", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure:
        return measure(args.measure, args.workloads, args.name, args.threads, args.steps)
    libraries = args.libs.split(",")
    print(f"{'workload':44}" + "".join(f"{library:>20}" for library in libraries) + f"{'ratio':>8}")
    for name in [name for name in workloads(args.workloads) if args.filter in name]:
        peaks = []
        for library in libraries:
            command = [sys.executable, __file__, "--measure", library, "--name", name, "--workloads", args.workloads]
            command += ["--threads", str(args.threads), "--steps", str(args.steps)]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                peaks.append(None)
                print(f"{name} under {library}: {done.stderr.strip().splitlines()[-1]}", file=sys.stderr)
            else:
                peaks.append(json.loads(done.stdout))
        cells = [f"{p['peak']:9.0f} (+{p['peak'] - p['before']:6.0f})" if p else "missing" for p in peaks]
        ratio = f"{peaks[0]['peak'] / peaks[1]['peak']:8.2f}" if len(peaks) == 2 and all(peaks) else ""
        print(f"{name:44}" + "".join(f"{cell:>20}" for cell in cells) + ratio)


if __name__ == "__main__":
    main()
