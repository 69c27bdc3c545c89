"""Saves the network that mnist.py has trained as one file, which runs without Python, and the test digits to try it on.

    python examples/mnist.py && python examples/export.py
    cargo run --release -p rushlight --example digits -- mnist.rlg digits.bin
    make -C examples/cpp && examples/cpp/digits mnist.rlg digits.bin

digits.bin holds, little-endian: how many digits, classes and digits in a batch (3 × u64), the images (float32), the labels (int64)
and the logits that the network gives here (float32). The programs in Rust and C++ compare theirs with these, bit by bit.
"""

from __future__ import annotations

import argparse
import struct

from mnist import Net, digits

import rushlight as torch

BATCH = 250


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", default="mnist.pt")
    parser.add_argument("--model", default="mnist.rlg")
    parser.add_argument("--digits", default="digits.bin")
    args = parser.parse_args()

    net = Net().eval()
    net.load_state_dict(torch.load(args.checkpoint)["net"])
    _, test = digits()
    images, labels = test.tensors
    with torch.no_grad():
        logits = torch.cat([net(x) for x in images.split(BATCH)])
        traced = torch.jit.trace(net, images[:2])
    torch.jit.save(traced, args.model)
    with open(args.digits, "wb") as file:
        file.write(struct.pack("<3Q", len(images), logits.shape[1], BATCH))
        for tensor in (images, labels, logits):
            file.write(tensor.contiguous().numpy().tobytes())
    accuracy = (logits.argmax(1) == labels).float().mean().item()
    print(f"{args.model}: {'any batch size' if traced.any_batch else 'batches of 2'}")
    print(f"{args.digits}: {len(images)} digits, of which it knows {100 * accuracy:.2f} %")


if __name__ == "__main__":
    main()
