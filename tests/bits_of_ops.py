"""Prints a digest of the results of many operations on tensors large enough for several threads: `op digest`, one a line.

    RUSHLIGHT_NUM_THREADS=3 python tests/bits_of_ops.py

The digests may not depend on the number of threads; `tests/test_machine.py` compares them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import rushlight as torch
import rushlight.nn.functional as F

torch.manual_seed(3)
x = torch.randn(700, 900)
y = torch.randn(700, 900)
line = torch.randn(1_000_003)
cube = torch.randn(4, 16, 60, 60)
half = x.to(torch.bfloat16)
wide = x.double()[:300]
whole = torch.randint(-1000, 1000, (700, 900))
index = torch.randint(0, 700, (5000,))
classes = torch.randint(0, 900, (700,))
twisted = x.t()


def grads(function: Callable, *inputs: torch.Tensor) -> list[torch.Tensor]:
    """The result and all gradients."""
    leaves = [t.detach().clone().requires_grad_() for t in inputs]
    out = function(*leaves)
    out.backward(torch.cos(torch.arange(out.numel(), dtype=torch.float32)).to(out.dtype).reshape(out.shape))
    return [out.detach(), *(leaf.grad for leaf in leaves)]


OPS: dict[str, Callable[[], Any]] = {
    "add": lambda: x + y,
    "add twisted": lambda: twisted + y.t().contiguous().t().t()[:900, :700].t().reshape(900, 700),
    "exp tanh sigmoid erf": lambda: [x.exp(), x.tanh(), x.sigmoid(), x.erf(), half.exp(), wide.sin()],
    "pow": lambda: [x.abs() ** 1.7, whole**3],
    "where": lambda: torch.where(x > y, x, y),
    "sum": lambda: [
        x.sum(),
        x.sum(0),
        x.sum(1),
        line.sum(),
        twisted.sum(0),
        half.sum(),
        cube.sum((0, 2, 3)),
        whole.sum(),
    ],
    "mean var std": lambda: [line.mean(), x.var(0), x.std(1), line.var(), cube.var((0, 2, 3))],
    "prod logsumexp norm": lambda: [(x * 0.01 + 1).prod(1), x.logsumexp(0), line.norm(), x.norm(3, 1)],
    "max argmax": lambda: [*x.max(0), *x.max(1), line.argmax(), line.max(), *torch.aminmax(line)],
    "cumsum": lambda: [x.cumsum(0), x.cumsum(1), line.cumsum(0), line.logcumsumexp(0), x.cumprod(1)],
    "sort": lambda: [*line.sort(), *x.sort(0), *x.topk(7, 1), *line.kthvalue(500_000), x.median()],
    "unique": lambda: list(whole.unique(return_inverse=True, return_counts=True)),
    "matmul": lambda: [x @ y.t(), x.t() @ y, wide @ wide.t(), half @ half.t(), x @ x[0], torch.bmm(cube[0], cube[1])],
    "matmul grads": lambda: grads(lambda a, b: a @ b.t(), x, y),
    "addmm linear": lambda: grads(lambda a, w, b: F.linear(a, w, b), x, y, line[:700]),
    "conv2d": lambda: grads(
        lambda a, w, b: F.conv2d(a, w, b, padding=1), cube, torch.ones(24, 16, 3, 3) * 0.1, line[:24]
    ),
    "conv2d strided": lambda: grads(
        lambda a, w: F.conv2d(a, w, stride=2, groups=4), cube, torch.ones(8, 4, 5, 5) * 0.1
    ),
    "conv depthwise": lambda: grads(
        lambda a, w: F.conv2d(a, w, padding=1, groups=16), cube, line[: 16 * 9].reshape(16, 1, 3, 3)
    ),
    "conv transpose": lambda: grads(
        lambda a, w: F.conv_transpose2d(a, w, stride=2), cube, line[: 16 * 8 * 9].reshape(16, 8, 3, 3)
    ),
    "pool": lambda: grads(lambda a: F.max_pool2d(a, 3, 2), cube) + grads(lambda a: F.avg_pool2d(a, 3, 1, 1), cube),
    "batch_norm": lambda: grads(lambda a, w, b: F.batch_norm(a, None, None, w, b, True), cube, line[:16], line[16:32]),
    "layer_norm": lambda: grads(lambda a, w, b: F.layer_norm(a, (900,), w, b), x, line[:900], line[900:1800]),
    "group_norm": lambda: grads(lambda a: F.group_norm(a, 4), cube),
    "softmax": lambda: grads(lambda a: a.softmax(1), x) + grads(lambda a: a.log_softmax(0), x),
    "cross_entropy": lambda: grads(lambda a: F.cross_entropy(a, classes), x),
    "losses": lambda: (
        grads(F.mse_loss, x, y)
        + grads(F.smooth_l1_loss, x, y)
        + grads(F.binary_cross_entropy_with_logits, x, y.sigmoid())
    ),
    "index": lambda: [x[index], x[index, index], x.index_select(0, index), x[x > 0.5]],
    "index grads": lambda: grads(lambda a: a[index], x) + grads(lambda a: a.gather(1, whole[:, :50].abs() % 900), x),
    "embedding": lambda: grads(lambda w: F.embedding(index, w), x),
    "scatter": lambda: [
        torch.zeros(700, 900).index_add(0, index, torch.randn(5000, 900)),
        torch.zeros(700).scatter_add(0, index, line[:5000]),
    ],
    "cat pad flip": lambda: [torch.cat([x, y], 1), F.pad(cube, (1, 2, 3, 4), "reflect"), x.flip(0), x.roll(3, 1)],
    "copies": lambda: [
        twisted.contiguous(),
        cube.permute(0, 2, 3, 1).contiguous(),
        x.to(torch.float16),
        whole.to(torch.float32),
    ],
    "random": lambda: [
        torch.rand(300_000),
        torch.randn(300_000),
        torch.randint(0, 9, (300_000,)),
        torch.randperm(100_000),
        torch.empty(300_000).exponential_(),
        torch.bernoulli(x.sigmoid()),
        F.dropout(x, 0.3),
    ],
    "cdist": lambda: grads(lambda a, b: torch.cdist(a, b), x[:200], y[:200]),
    "einsum": lambda: torch.einsum("bchw,bdhw->bcd", cube, cube),
    "unfold": lambda: F.unfold(cube, 3),
    "clip_grad_norm": lambda: torch.nn.utils.get_total_norm([x, y, line, cube]),
}


def digest(value: Any) -> str:
    values = value if isinstance(value, list) else [value]
    hash_ = hashlib.sha256()
    for tensor in values:
        flat = tensor.detach().contiguous()
        hash_.update(f"{flat.dtype} {tuple(flat.shape)}".encode())
        hash_.update(bytes(flat.view(torch.uint8).numpy()) if flat.dim() else repr(flat.item()).encode())
    return hash_.hexdigest()[:16]


if __name__ == "__main__":
    for name, op in OPS.items():
        torch.manual_seed(5)
        print(f"{name}: {digest(op())}", flush=True)
