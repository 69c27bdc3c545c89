"""Files that were changed by chance or by malice: `torch.load` and `torch.jit.load` raise or load, and nothing else.

    python tests/fuzz_files.py --seconds 600          # `.pt` files; a short run is part of the tests
    python tests/fuzz_files.py --graphs               # writes what rust/core/tests/fuzz_graph.rs begins with
"""

from __future__ import annotations

import argparse
import io
import pickle
import random
import resource
import struct
import time
import warnings
import zipfile
import zlib
from pathlib import Path

import rushlight as torch
import rushlight.nn as nn
import rushlight.nn.functional as F

GRAPHS = Path(__file__).parent / "data" / "graphs"
# What a loader may raise.
ERRORS = (RuntimeError, pickle.UnpicklingError, ValueError, EOFError, KeyError, TypeError, IndexError, AttributeError,
          zipfile.BadZipFile, zlib.error, UnicodeDecodeError, NotImplementedError, OverflowError, struct.error, MemoryError,
          ImportError)  # fmt: skip
LONG = 20.0
MEMORY = 512 << 20


def states() -> list[bytes]:
    """Files of many kinds of content, in both of the formats."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Linear(4, 3))
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.randn(2, 1, 3, 6)).sum().backward()
    optimizer.step()
    shared = torch.arange(24.0).view(4, 6)
    things = [
        model.state_dict(),
        {"net": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3, "history": [(1.0, 2.0), (0.5, 3.0)]},
        [shared, shared.t(), shared[1:], torch.ones(3, dtype=torch.bfloat16), torch.tensor([True, False])],
        {"size": torch.Size([1, 2]), "dtype": torch.float16, "device": torch.device("cpu"), "z": torch.ones(2) * 1j},
    ]
    files = []
    for thing in things:
        for new in (True, False):
            buffer = io.BytesIO()
            torch.save(thing, buffer, _use_new_zipfile_serialization=new)
            files.append(buffer.getvalue())
    return files


def rezip(data: bytes, dice: random.Random) -> bytes:
    """A zip file with one of its members changed inside, and sums that agree."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as new:
        names = old.namelist()
        pickles = [name for name in names if name.endswith(".pkl")]
        target = dice.choice(pickles if pickles and dice.random() < 0.8 else names)
        for name in names:
            content = old.read(name)
            if name == target:
                kind = dice.randrange(8)
                if kind == 0:
                    continue
                content = change(content, dice)
            new.writestr(name if dice.random() < 0.99 else name[::-1], content)
    return out.getvalue()


def change(data: bytes, dice: random.Random) -> bytes:
    """Some bytes changed, cut, repeated."""
    data = bytearray(data)
    for _ in range(dice.randrange(1, 4)):
        if not data:
            break
        at = dice.randrange(len(data))
        kind = dice.randrange(7)
        if kind == 0:
            data[at] ^= 1 << dice.randrange(8)
        elif kind == 1:
            data[at] = dice.choice(b"(.0123FGHIJKLMNQRSTUVXabcdeghijlopqrstu}]\x80\x81\x85\x8a\x8c\x95\xff\x00")
        elif kind == 2:
            size = dice.choice([1, 2, 4, 8])
            data[at : at + size] = dice.choice([0, 1, (1 << 8 * size) - 1, 1 << (8 * size - 1)]).to_bytes(size, "little")
        elif kind == 3:
            del data[at:]
        elif kind == 4:
            del data[at : at + dice.randrange(1, 16)]
        elif kind == 5:
            data[at:at] = data[at : at + dice.randrange(1, 64)] * dice.randrange(1, 4)
        else:
            data[at] = (data[at] + 1) % 256
    return bytes(data)


def fuzz(seconds: float, seed: int) -> tuple[int, int]:
    """How many files were tried, and how many loaded."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY, hard))
    dice, files = random.Random(seed), states()
    start, tried, loaded = time.monotonic(), 0, 0
    try:
        while time.monotonic() - start < seconds:
            data = dice.choice(files)
            bad = rezip(data, dice) if zipfile.is_zipfile(io.BytesIO(data)) and dice.random() < 0.7 else change(data, dice)
            begun, tried = time.monotonic(), tried + 1
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    found = torch.load(io.BytesIO(bad), weights_only=True)
                    repr(found)
                loaded += 1
            except ERRORS:
                pass
            except BaseException:
                Path("fuzz_case.pt").write_bytes(bad)
                raise
            if time.monotonic() - begun > LONG:
                Path("fuzz_case.pt").write_bytes(bad)
                raise AssertionError(f"a file of {len(bad)} bytes took {time.monotonic() - begun:.0f} s: see fuzz_case.pt")
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
    return tried, loaded


def graphs() -> dict[str, bytes]:
    """Small programs of many kinds of operations."""
    torch.manual_seed(0)

    class Many(nn.Module):
        def forward(self, x: torch.Tensor, i: torch.Tensor) -> tuple:
            y = x.clone()
            y[:, 1:3] = x.flip(1)[:, :2]
            y = torch.where(y > 0, y, y.roll(1, 0)).cumsum(1)
            parts = torch.cat([p.clamp(-1, 1) for p in y.unbind(1)]).reshape(2, -1)
            best, at = y.topk(2, dim=1)
            windows = y.unfold(1, 2, 1).sum(-1).diagonal()
            table = y.gather(1, i).masked_fill(i > 1, 3.0).index_select(0, i[0, :2])
            return parts.std(1), best, at, windows, table, y.t().tril(), y.max(1), y.new_zeros(2, 2).scatter_add(0, i[:2, :2] % 2, y[:2, :2])

    class Images(nn.Module):
        def forward(self, x: torch.Tensor) -> tuple:
            up = F.interpolate(x, scale_factor=2, mode="bilinear")
            cols = F.unfold(F.pad(up, (1, 1, 1, 1)), 3, stride=2)
            return cols, F.avg_pool2d(up, 3, 2, 1, ceil_mode=True), F.max_pool2d(up, 2, return_indices=True), F.layer_norm(x, x.shape[2:])

    cnn = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 4, 3, groups=2),
                        nn.GroupNorm(2, 4), nn.Flatten(), nn.Linear(16, 3), nn.LogSoftmax(1)).eval()  # fmt: skip
    rows = torch.randint(0, 3, (3, 4))
    layer = nn.TransformerEncoderLayer(8, 2, 8, batch_first=True, dropout=0.0).eval()
    lstm, gru = nn.LSTM(3, 4, batch_first=True).eval(), nn.GRU(3, 4, bidirectional=True).eval()
    programs = {
        "cnn": (cnn, torch.randn(2, 1, 8, 8)),
        "transformer": (nn.Sequential(nn.Embedding(9, 8), layer), torch.randint(0, 9, (2, 3))),
        "lstm": (lstm, torch.randn(2, 3, 3)),
        "gru": (gru, torch.randn(3, 2, 3)),
        "many": (Many(), (torch.randn(3, 4), rows % 3)),
        "images": (Images(), torch.randn(1, 2, 4, 4)),
        "pointwise": (lambda x, y: (x.exp() + y.sin() * 2 - x.abs().sqrt().pow(1.5)).clamp(max=2).atan2(y), (torch.randn(2, 3),) * 2),
        "loss": (lambda x: F.cross_entropy(x.softmax(1).matmul(x.t()), torch.tensor([0, 1, 1])), torch.randn(3, 4)),
    }
    with torch.no_grad():
        return {name: torch.jit.trace(f, x).save_to_buffer() for name, (f, x) in programs.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--graphs", action="store_true")
    args = parser.parse_args()
    if args.graphs:
        GRAPHS.mkdir(parents=True, exist_ok=True)
        for name, data in graphs().items():
            (GRAPHS / f"{name}.rlg").write_bytes(data)
            print(f"{name}: {len(data)} bytes")
        return
    tried, loaded = fuzz(args.seconds, args.seed)
    print(f"{tried} files, {loaded} loaded")


if __name__ == "__main__":
    main()
