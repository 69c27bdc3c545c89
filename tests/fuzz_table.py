"""Calls every function of the table with random arguments, right ones and junk: errors are fine, anything else is not.

    python tests/fuzz_table.py --seconds 60 --seed 1

Runs under a limit of memory, and prints each call before it is made (into the file of `--log`), so that whoever started it
can tell which call crashed or hangs. Exits with 1 if a call raised what no call may raise: a panic, or an error of the
interpreter. `tests/test_bad_input.py` runs it for a while.
"""

from __future__ import annotations

import argparse
import faulthandler
import random
import re
import resource
import sys
import time
import warnings
from typing import Any

import numpy as np

import rushlight as torch

DTYPES = [
    torch.bool,
    torch.uint8,
    torch.int8,
    torch.int16,
    torch.int32,
    torch.int64,
    torch.float16,
    torch.bfloat16,
    torch.float32,
    torch.float64,
    torch.complex64,
    torch.complex128,
]
SHAPES = [
    (),
    (1,),
    (3,),
    (5,),
    (0,),
    (2, 3),
    (3, 2),
    (3, 3),
    (1, 4),
    (0, 3),
    (2, 3, 4),
    (1, 2, 3, 3),
    (2, 0, 2),
    (1, 1, 2, 3, 2),
    (4, 1),
]
INTS = [0, 1, 2, 3, -1, -2, 4, 5, 7, -7, 100, 1000, 2**31, -(2**31), 2**40, 2**62, 2**63 - 1, -(2**63), 2**64, -(2**70)]
FLOATS = [0.0, 1.0, -1.0, 0.5, 2.0, 1e-30, 1e30, 1e300, float("inf"), float("-inf"), float("nan"), -0.0]
WORDS = [
    "",
    "sum",
    "mean",
    "amax",
    "trunc",
    "floor",
    "fro",
    "nuc",
    "linear",
    "constant",
    "reflect",
    "ij,jk->ik",
    "...",
    "ij",
    "left",
    "é",
    "x" * 50,
]

# Not called: what changes the process for all calls after it, or is of no public use and trusts its caller.
NOT = set(
    "set_num_threads set_num_interop_threads set_default_dtype set_ _set_grad_enabled _get_default_device _stubs _check_table "
    "share_memory_ gpu cuda apply_ map_ _fused_adam_ _fused_sgd_".split()
)


class Junk:
    """An object that answers nothing."""


class Liar:
    """Says that it is an int, and raises when asked which."""

    def __index__(self) -> int:
        raise ValueError("no number here")

    def __bool__(self) -> bool:
        raise ValueError("no truth here")

    def __len__(self) -> int:
        return -1


class Sub(torch.Tensor):
    """A subclass that changes nothing."""


class Source:
    def __init__(self, seed: str) -> None:
        self.r = random.Random(seed)

    def tensor(self) -> torch.Tensor:
        r = self.r
        dtype, shape = r.choice(DTYPES), r.choice(SHAPES)
        if r.random() < 0.6:
            dtype = torch.float32 if r.random() < 0.7 else torch.int64
        if dtype.is_floating_point or dtype.is_complex:
            t = torch.randn(shape, dtype=torch.float32).to(dtype)
        else:
            t = torch.randint(-2, 5, shape).to(dtype)
        kind = r.random()
        if kind < 0.08 and t.dim() > 0:
            t = t.unsqueeze(0).expand(2, *t.shape)
        elif kind < 0.16 and t.dim() > 1:
            t = t.transpose(0, -1)
        elif kind < 0.22 and t.dim() > 0:
            t = t[::2]
        elif kind < 0.27:
            array = np.arange(6, dtype=np.float32).reshape(2, 3)
            array.flags.writeable = r.random() < 0.5
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                t = torch.from_numpy(array)
        elif kind < 0.30:
            t = torch.full((3,), r.choice(FLOATS))
        elif kind < 0.33:
            t = t.as_subclass(Sub)
        if t.dtype.is_floating_point and r.random() < 0.25 and t.is_leaf:
            t.requires_grad_()
        return t

    def junk(self) -> Any:
        r = self.r
        return r.choice(
            [
                None, True, False, object(), Junk(), Liar(), Sub, torch, "x", b"x", [], (), {}, [None], [[1], [2, 3]], slice(1, 2), ...,
                np.float64(1.5), np.int32(3), np.array([1, 2]), np.array(["a"]), range(3), 1j, complex("nan"), lambda: 1, type,
                torch.Size([1, 2]), torch.Generator(), torch.device("cpu"), torch.float32, torch.strided, iter([1]), {1, 2},
            ]
        )  # fmt: skip

    def one(self, kind: str) -> Any:
        r = self.r
        if kind.startswith("Sequence[") or "| Sequence[" in kind:
            if " | Sequence[" in kind and r.random() < 0.3:
                return self.one(kind.split(" | ")[0])
            inner = re.search(r"Sequence\[([^\]]*)\]", kind)
            inside = inner.group(1) if inner else "int"
            items = [self.one(inside) for _ in range(r.choice([0, 1, 1, 2, 2, 3, 4, 6, 30]))]
            return items if r.random() < 0.7 else tuple(items)
        if " | " in kind:
            return self.one(r.choice(kind.split(" | ")))
        if kind == "Tensor":
            return self.tensor()
        if kind == "Number":
            return r.choice([r.choice(INTS[:10]), r.choice(FLOATS), r.choice(INTS), True, 1j])
        if kind == "int":
            return r.choice(INTS[:9] if r.random() < 0.8 else INTS)
        if kind == "float":
            return r.choice(FLOATS)
        if kind == "bool":
            return r.random() < 0.5
        if kind == "str":
            return r.choice(WORDS)
        if kind == "dtype":
            return r.choice(DTYPES)
        if kind == "None":
            return None
        if kind == "DeviceLike":
            return r.choice(["cpu", torch.device("cpu"), "cuda", "nonsense", 0, -1])
        if kind == "layout":
            return torch.strided
        if kind == "memory_format":
            return r.choice(
                [torch.contiguous_format, torch.preserve_format, torch.channels_last, torch.channels_last_3d]
            )
        if kind == "Generator":
            return torch.Generator()
        return self.junk()

    def value(self, kind: str) -> Any:
        return self.junk() if self.r.random() < 0.06 else self.one(kind)


def functions() -> list[tuple[str, Any, list[tuple[str, str, bool, bool]]]]:
    """Name, function, and parameters: name, type, whether by keyword only, whether it may be left out."""
    found = []
    for place, text in torch._C._stubs().items():
        owner = {"": torch._C, "Tensor": torch.Tensor}.get(place) or getattr(torch._C, place)
        for name, params in re.findall(r"def (\w+)\((.*)\) -> .*: \.\.\.", text):
            if name in NOT or not hasattr(owner, name):
                continue
            listed, by_keyword = [], False
            for part in re.split(r", (?![^\[]*\])", params) if params else []:
                if part == "*":
                    by_keyword = True
                    continue
                if part == "self":
                    listed.append(("self", "Tensor", False, False))
                    continue
                head, _, kind = part.partition(": ")
                kind, default, _ = kind.partition(" = ")
                listed.append((head, kind, by_keyword, bool(default)))
            found.append((f"{place}.{name}".lstrip("."), getattr(owner, name), listed))
    for name in "getitem setitem add matmul eq contains pow floordiv rshift iadd and len iter bool int float index format reversed".split():
        method = getattr(torch.Tensor, f"__{name}__", None)
        if method is not None:
            n = {"setitem": 2, "len": 0, "iter": 0, "bool": 0, "int": 0, "float": 0, "index": 0, "reversed": 0}.get(
                name, 1
            )
            found.append(
                (
                    f"Tensor.__{name}__",
                    method,
                    [("self", "Tensor", False, False)] + [("x", "Any | Tensor | int", False, False)] * n,
                )
            )
    for name in ("Tensor", "Size", "device", "Generator", "as_tensor", "frombuffer", "from_numpy"):
        found.append((name, getattr(torch, name), [("x", "Any | Tensor | int | Sequence[int]", False, True)] * 2))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", help="a regular expression of names")
    parser.add_argument("--log", help="where to write the call that is being made")
    parser.add_argument("--one-call", type=float, default=20.0, help="seconds after which a call counts as hanging")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(2)
    torch.ones(100_000).add(1)  # the pool's threads have their memory before it is limited
    used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + (1 << 30), resource.RLIM_INFINITY))
    table = [f for f in functions() if not options.only or re.search(options.only, f[0])]
    end, calls, fine, bad, rounds = time.monotonic() + options.seconds, 0, 0, 0, 0
    log = open(options.log, "w") if options.log else None
    while time.monotonic() < end:
        for name, function, params in table:
            seed = f"{options.seed}/{rounds}/{name}"
            source = Source(seed)
            torch.manual_seed(rounds)
            args, kwargs = [], {}
            for head, kind, by_keyword, optional in params:
                if optional and (source.r.random() < 0.6 or kwargs) and not by_keyword:
                    continue
                if by_keyword and source.r.random() < 0.75:
                    continue
                value = source.value(kind)
                if by_keyword or kwargs or (optional and len(args) < len([p for p in params if not p[3]])):
                    kwargs[head] = value
                else:
                    args.append(value)
            if source.r.random() < 0.03:
                args.append(source.junk())
            if source.r.random() < 0.02 and args:
                args.pop()
            if log:
                log.seek(0)
                log.truncate()
                log.write(f"{seed}\n")
                log.flush()
            faulthandler.dump_traceback_later(options.one_call, exit=True)
            calls += 1
            try:
                out = function(*args, **kwargs)
                fine += 1
                if (
                    isinstance(out, torch.Tensor)
                    and out.requires_grad
                    and out.grad_fn is not None
                    and source.r.random() < 0.5
                ):
                    out.sum().abs().backward()
            except (MemoryError, RecursionError, SystemError) as error:
                print(f"{seed}: {type(error).__name__}: {error}")
                bad += 1
            except Exception as error:
                if "internal error" in str(error):
                    print(f"{seed}: {error}")
                    bad += 1
            except BaseException as error:
                print(f"{seed}: {type(error).__name__}: {error}")
                bad += 1
            faulthandler.cancel_dump_traceback_later()
            if time.monotonic() > end:
                break
        rounds += 1
    print(
        f"{calls} calls of {len(table)} functions in {rounds} rounds: {fine} went through, {calls - fine - bad} raised, {bad} are bugs"
    )
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
