"""Times the DataLoader with worker processes under Rushlight and PyTorch by turns, each in a process of its own.

    python benches/compare/dataloader.py --torch-python /path/to/a/python/with/torch

10,000 samples of 28 x 28 floats and a label, batches of 64, two workers: seconds until the first batch (with the start of the
workers), and samples per second over the epoch after it, of the same workers. The best of the rounds counts on both sides.
"""

from __future__ import annotations

import argparse
import importlib
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any


class Samples:
    """Images and labels, one by one, as most datasets are written."""

    def __init__(self, torch: Any, count: int) -> None:
        self.images = torch.rand(count, 1, 28, 28)
        self.labels = torch.randint(0, 10, (count,)).tolist()

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        return self.images[index], self.labels[index]


def work(library: str, args: argparse.Namespace) -> dict[str, float]:
    """One round in this process."""
    torch = importlib.import_module(library)
    data = importlib.import_module(f"{library}.utils.data")
    torch.set_num_threads(1)
    torch.manual_seed(0)
    dataset = Samples(torch, args.samples)
    if args.tensors:
        dataset = data.TensorDataset(dataset.images, torch.tensor(dataset.labels))
    loader = data.DataLoader(
        dataset,
        batch_size=args.batch,
        shuffle=True,
        num_workers=args.workers,
        persistent_workers=True,
        multiprocessing_context=args.method,
    )
    start = time.perf_counter()
    batches = iter(loader)
    first = next(batches)
    seconds_to_first = time.perf_counter() - start
    assert first[0].shape == (args.batch, 1, 28, 28)
    for _ in batches:
        pass
    start, count, total = time.perf_counter(), 0, 0.0
    for images, _labels in loader:
        count += len(images)
        total += float(images[0, 0, 0, 0])
    seconds = time.perf_counter() - start
    assert count == args.samples
    return {"first": seconds_to_first, "rate": count / seconds}


def round_of(python: str, library: str, argv: list[str]) -> dict[str, float]:
    """One round in a fresh process."""
    command = [python, str(Path(__file__)), "--serve", library, *argv]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--torch-python", default=sys.executable, help="a Python that has torch (default: this one)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--method", default="fork", help="how workers start: fork, forkserver, spawn")
    parser.add_argument("--tensors", action="store_true", help="a TensorDataset instead of single samples")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        print(json.dumps(work(args.serve, args)))
        return
    given = ["--samples", args.samples, "--batch", args.batch, "--workers", args.workers, "--method", args.method]
    argv = [str(value) for value in given] + ["--tensors"] * args.tensors
    pythons = {"rushlight": sys.executable, "torch": args.torch_python}
    rounds: dict[str, list[dict[str, float]]] = {name: [] for name in pythons}
    for _ in range(args.rounds):
        for name, python in pythons.items():
            rounds[name].append(round_of(python, name, argv))
    print(f"{args.samples} samples, batches of {args.batch}, {args.workers} workers by {args.method}, {args.rounds} rounds")
    print("| | first batch, ms: best (median) | samples/s: best (median) |\n|---|---|---|")
    best = {}
    for name, results in rounds.items():
        first, rate = [r["first"] * 1e3 for r in results], [r["rate"] for r in results]
        best[name] = min(first), max(rate)
        print(
            f"| {name} | {min(first):.1f} ({statistics.median(first):.1f}) "
            f"| {max(rate):,.0f} ({statistics.median(rate):,.0f}) |"
        )
    ours, theirs = best["rushlight"], best["torch"]
    print(f"| ratio | {ours[0] / theirs[0]:.2f} of PyTorch's time | {ours[1] / theirs[1]:.2f}x PyTorch's |")


if __name__ == "__main__":
    main()
