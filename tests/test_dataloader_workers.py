"""DataLoader with worker processes: order, seeds, errors, deaths; nothing is left behind."""

from __future__ import annotations

import gc
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import textwrap
import time
import warnings
from collections import namedtuple
from pathlib import Path

import pytest

import rushlight as torch
from rushlight.utils.data import DataLoader, Dataset, IterableDataset, Subset, TensorDataset, get_worker_info

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no memory is passed between processes on Windows")

METHODS = [method for method in ("fork", "forkserver", "spawn") if method in multiprocessing.get_all_start_methods()]
FORK = {"multiprocessing_context": "fork"}


def segments() -> set[str]:
    return set(os.listdir("/dev/shm")) if os.path.isdir("/dev/shm") else set()


def descriptors() -> int:
    gc.collect()
    return len(os.listdir("/proc/self/fd"))


def children() -> set[int]:
    """Processes of ours, dead ones that nobody has taken note of among them; not the servers that multiprocessing keeps."""
    from multiprocessing import forkserver, resource_tracker

    servers = {forkserver._forkserver._forkserver_pid, resource_tracker._resource_tracker._pid}
    listed: set[int] = set()
    for path in Path("/proc/self/task").glob("*/children"):
        listed.update(int(pid) for pid in path.read_text().split())
    return listed - servers


@pytest.fixture(autouse=True)
def nothing_is_left():
    segments_before, children_before = segments(), children()
    yield
    gc.collect()
    assert not multiprocessing.active_children()
    assert not children() - children_before
    assert not segments() - segments_before


class Squares(Dataset):
    def __init__(self, count: int = 20) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return torch.full((3,), float(index * index)), index


class Stream(IterableDataset):
    """0 … count, cut into a piece for each worker."""

    def __init__(self, count: int, length: int | None = None) -> None:
        self.count = count
        self.length = length

    def __iter__(self):
        info = get_worker_info()
        first, step = (0, 1) if info is None else (info.id, info.num_workers)
        return iter(range(first, self.count, step))

    def __len__(self) -> int:
        if self.length is None:
            raise TypeError("no length")
        return self.length


@pytest.fixture(autouse=True)
def enough_cpus(monkeypatch):
    if hasattr(os, "sched_getaffinity"):
        monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(16)))


# ---- what comes


@pytest.mark.parametrize("method", METHODS)
def test_batches_are_those_of_one_process(method):
    dataset = Squares(50)
    torch.manual_seed(3)
    expected = list(DataLoader(dataset, batch_size=4, shuffle=True))
    torch.manual_seed(3)
    loader = DataLoader(dataset, batch_size=4, shuffle=True, num_workers=2, multiprocessing_context=method)
    got = list(loader)
    assert len(got) == len(loader) == 13
    for (x, i), (y, j) in zip(expected, got):
        assert torch.equal(x, y) and torch.equal(i, j) and type(j) is torch.Tensor


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("prefetch", [1, 2, 7])
def test_order_for_any_number_of_workers(workers, prefetch):
    loader = DataLoader(Squares(31), batch_size=2, num_workers=workers, prefetch_factor=prefetch, **FORK)
    assert torch.cat([i for _, i in loader]).tolist() == list(range(31))


def test_batches_that_are_kept_stay_as_they_are():
    loader = DataLoader(Squares(200), batch_size=2, num_workers=2, **FORK)
    before = descriptors()
    kept = list(loader)
    assert descriptors() - before < 20  # a batch that is kept holds memory, and no descriptor
    for n, (x, i) in enumerate(kept):
        assert i.tolist() == [2 * n, 2 * n + 1] and x[1].tolist() == [float((2 * n + 1) ** 2)] * 3
    arrays = [x.numpy() for x, _ in loader]  # the tensors are gone, their memory is not
    gc.collect()
    assert [a[0, 0] for a in arrays] == [float((2 * n) ** 2) for n in range(100)]
    views = [x[1, :2] for x, _ in loader]
    assert [int(v[0]) for v in views] == [(2 * n + 1) ** 2 for n in range(100)]


def test_memory_goes_back_and_forth():
    """Batches that are let go of come from the same few places."""
    loader = DataLoader(Squares(400), batch_size=4, num_workers=2, **FORK)
    places = set()
    for x, _ in loader:
        places.add(x.data_ptr())
        del x, _
    assert len(places) <= 16


def test_batches_can_be_written_shared_and_required_grad_of():
    for x, i in DataLoader(Squares(8), batch_size=4, num_workers=1, **FORK):
        x.add_(1).requires_grad_(True)
        x.square().sum().backward()
        assert torch.equal(x.grad, 2 * x.detach())
        assert i.share_memory_().is_shared()
        assert x.detach().untyped_storage().nbytes() == 4 * 3 * 4


def test_a_forked_child_sees_what_it_was_given():
    """Memory that a child may look at is not filled again."""
    ours, theirs = multiprocessing.Pipe()
    context = multiprocessing.get_context("fork")
    loader = DataLoader(Squares(60), batch_size=2, num_workers=1, **FORK)
    batches = iter(loader)
    x, i = next(batches)

    def look(x: torch.Tensor, i: torch.Tensor) -> None:
        theirs.recv()
        theirs.send((x.tolist(), i.tolist()))

    process = context.Process(target=look, args=(x, i))
    process.start()
    del x, i
    for _ in batches:
        pass
    ours.send("now")
    assert ours.recv() == ([[0.0] * 3, [1.0] * 3], [0, 1])
    process.join()


Point = namedtuple("Point", "x y")


class Mixed(Dataset):
    def __len__(self) -> int:
        return 6

    def __getitem__(self, index: int) -> dict:
        return {
            "x": torch.ones(2, 3) * index,
            "name": f"sample {index}",
            "point": Point(index, float(index)),
            "pair": [torch.tensor(index), b"bytes"],
        }


def test_structure_of_batches():
    expected = list(DataLoader(Mixed(), batch_size=3))
    for one, two in zip(expected, DataLoader(Mixed(), batch_size=3, num_workers=2, **FORK)):
        assert one.keys() == two.keys() and one["name"] == two["name"] and type(two["point"]) is Point
        assert torch.equal(one["x"], two["x"]) and torch.equal(one["point"].y, two["point"].y)
        assert two["point"].y.dtype == torch.float64 and one["pair"][1] == two["pair"][1]


def odd_collate(batch: list) -> dict:
    x = torch.stack([b[0] for b in batch])
    leaf = torch.ones(2, requires_grad=True)
    return {
        "transposed": x.t(),
        "expanded": torch.arange(3).expand(1000, 3),
        "part": torch.arange(100)[::7],
        "empty": torch.empty(0, 5),
        "leaf": leaf,
        "parameter": torch.nn.Parameter(torch.zeros(2)),
        "twice": (x, x),
        "number": 5,
        "long": "x" * 100_000,
        "half": torch.ones(3, dtype=torch.bfloat16),
        "storage": torch.arange(3.0).storage(),
    }


def test_all_kinds_of_tensors_cross():
    for n, b in enumerate(DataLoader(Squares(6), batch_size=2, num_workers=2, collate_fn=odd_collate, **FORK)):
        x = torch.stack([torch.full((3,), float(i * i)) for i in (2 * n, 2 * n + 1)])
        assert torch.equal(b["transposed"], x.t()) and b["transposed"].stride() == (1, 3)
        assert b["expanded"].stride() == (0, 1) and b["expanded"].shape == (1000, 3) and b["expanded"][999].tolist() == [0, 1, 2]
        assert b["part"].tolist() == list(range(0, 100, 7)) and b["empty"].shape == (0, 5)
        assert b["leaf"].requires_grad and b["leaf"].is_leaf
        assert type(b["parameter"]) is torch.nn.Parameter and b["parameter"].requires_grad
        assert b["twice"][0] is b["twice"][1] and torch.equal(b["twice"][0], x)
        assert b["number"] == 5 and len(b["long"]) == 100_000 and b["half"].dtype == torch.bfloat16
        assert b["storage"].tolist() == [0, 1, 2]


def test_tensor_datasets_subsets_and_arrays():
    np = pytest.importorskip("numpy")
    x, y = torch.arange(40.0).reshape(20, 2), torch.arange(20)
    dataset = Subset(TensorDataset(x, y), range(19, -1, -1))
    got = list(DataLoader(dataset, batch_size=3, num_workers=2, **FORK))
    assert torch.cat([b for _, b in got]).tolist() == list(range(19, -1, -1))
    assert torch.equal(torch.cat([a for a, _ in got]), x.flip(0))
    arrays = [np.full((2,), i, dtype=np.float32) for i in range(8)]
    for n, b in enumerate(DataLoader(arrays, batch_size=2, num_workers=2, **FORK)):
        assert b.dtype == torch.float32 and b.tolist() == [[2 * n] * 2, [2 * n + 1] * 2]
    for n, b in enumerate(DataLoader(arrays, batch_size=2, num_workers=2, collate_fn=list, **FORK)):
        assert type(b[0]) is np.ndarray and b[1].tolist() == [2 * n + 1] * 2


def test_sizes_that_change():
    class Growing(Squares):
        def __getitem__(self, index):
            return torch.full((1 + (index * 7919) % 5000,), index)

    sizes = []
    for n, x in enumerate(DataLoader(Growing(60), batch_size=1, num_workers=2, **FORK)):
        assert int(x.min()) == int(x.max()) == n
        sizes.append(x.shape[1])
    assert sizes == [1 + (i * 7919) % 5000 for i in range(60)]


def test_without_batches_with_batch_samplers_and_long_index_lists():
    single = DataLoader(Squares(5), batch_size=None, num_workers=2, **FORK)
    assert [i for _, i in single] == list(range(5))
    lists = [[3, 1], [2], [0, 4, 4]]
    assert [i.tolist() for _, i in DataLoader(Squares(5), batch_sampler=lists, num_workers=2, **FORK)] == lists
    many = DataLoader(TensorDataset(torch.arange(100_000)), batch_size=30_000, num_workers=2, prefetch_factor=4, **FORK)
    assert [len(x) for (x,) in many] == [30_000, 30_000, 30_000, 10_000]
    ahead = DataLoader(Squares(3000), batch_size=1, num_workers=1, prefetch_factor=2000, **FORK)
    batches = iter(ahead)
    time.sleep(0.3)  # more answers than the socket holds
    assert [int(i) for _, i in batches] == list(range(3000))


def test_out_of_order():
    class Slow(Squares):
        def __getitem__(self, index):
            if index == 0:
                time.sleep(0.5)
            return index

    loader = DataLoader(Slow(8), batch_size=1, num_workers=2, in_order=False, **FORK)
    got = [int(i) for i in loader]
    assert sorted(got) == list(range(8)) and got[0] != 0
    assert [int(i) for i in DataLoader(Slow(8), batch_size=1, num_workers=2, **FORK)] == list(range(8))


# ---- streams


def test_streams():
    loader = DataLoader(Stream(11), batch_size=3, num_workers=2, **FORK)
    got = list(loader)
    assert [b.tolist() for b in got] == [[0, 2, 4], [1, 3, 5], [6, 8, 10], [7, 9]]
    loader = DataLoader(Stream(11), batch_size=3, num_workers=2, drop_last=True, **FORK)
    assert [b.tolist() for b in loader] == [[0, 2, 4], [1, 3, 5], [6, 8, 10]]
    with pytest.raises(TypeError):
        len(loader)
    uneven = DataLoader(Stream(2), batch_size=1, num_workers=4, persistent_workers=True, **FORK)
    assert [[int(b) for b in uneven] for _ in range(3)] == [[0, 1]] * 3
    single = DataLoader(Stream(5), batch_size=None, num_workers=2, **FORK)
    assert list(single) == [0, 1, 2, 3, 4]


def test_a_stream_that_is_longer_than_it_said_warns():
    loader = DataLoader(Stream(6, length=4), batch_size=1, num_workers=2, **FORK)
    assert len(loader) == 4
    with pytest.warns(UserWarning, match="Length of IterableDataset.*was reported to be 4.*get_worker_info") as warned:
        list(loader)
    assert len(warned) == 2
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loader = DataLoader(Stream(4, length=4), batch_size=1, num_workers=2, **FORK)
        assert len(loader) == len(list(loader)) == 4


# ---- seeds, and what a worker knows


class Seeds(Dataset):
    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> tuple:
        import numpy as np

        info = get_worker_info()
        return (
            torch.initial_seed(),
            info.seed,
            info.id,
            torch.rand(1).item(),
            random.random(),
            float(np.random.rand()),
            torch.get_num_threads(),
        )


@pytest.mark.parametrize("method", METHODS)
def test_seeds_are_those_of_pytorch(method):
    np = pytest.importorskip("numpy")
    torch.manual_seed(1234)
    base = int(torch.empty((), dtype=torch.int64).random_())
    torch.manual_seed(1234)
    loader = DataLoader(Seeds(), batch_size=None, num_workers=2, multiprocessing_context=method)
    got = list(loader)
    for n, (torch_seed, seed, worker, a, b, c, threads) in enumerate(got):
        assert worker == n % 2 and torch_seed == seed == base + worker and threads == 1
        turn = n // 2
        generator = torch.Generator().manual_seed(seed)
        assert a == [torch.rand(1, generator=generator).item() for _ in range(turn + 1)][-1]
        python = random.Random(seed)
        assert b == [python.random() for _ in range(turn + 1)][-1]
        words = np.random.SeedSequence([worker, base & 0xFFFFFFFF, base >> 32, 0]).generate_state(4)
        numpy = np.random.RandomState(words)
        assert c == [numpy.rand() for _ in range(turn + 1)][-1]


def test_numpy_words():
    """What PyTorch 2 gives for these."""
    from rushlight.utils.data._utils.worker import _generate_state

    assert _generate_state(0, 0) == GENERATED[0]
    assert _generate_state(2**62 + 12345678901, 3) == GENERATED[1]


GENERATED = [
    [2968811710, 3677149159, 745650761, 2884920346],
    [3414866283, 4079970861, 3800965339, 1015142977],
]


def test_generator_and_persistent_workers():
    def seeds(**kwargs) -> list:
        generator = torch.Generator().manual_seed(7)
        loader = DataLoader(Seeds(), batch_size=None, num_workers=2, generator=generator, **FORK, **kwargs)
        return [[item[1] for item in loader] for _ in range(2)]

    torch.manual_seed(0)
    one = seeds()
    torch.manual_seed(99)
    assert one == seeds()  # from the generator, not from the default one
    assert one[0] != one[1]
    kept = seeds(persistent_workers=True)
    assert kept[0] == kept[1] == one[0]  # workers that stay keep their seed


class Info(Dataset):
    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> tuple:
        info = get_worker_info()
        with pytest.raises(RuntimeError, match="Cannot assign"):
            info.id = 7
        return info.id, info.num_workers, info.dataset is self, os.environ.get("WORKER_TEST"), os.getpid(), repr(info)


def initialise(worker_id: int) -> None:
    os.environ["WORKER_TEST"] = str(worker_id * 10)


@pytest.mark.parametrize("method", METHODS)
def test_worker_info_and_init_fn(method):
    assert get_worker_info() is None
    loader = DataLoader(
        Info(), batch_size=None, num_workers=2, worker_init_fn=initialise, multiprocessing_context=method
    )
    for n, (worker, count, same, value, pid, text) in enumerate(loader):
        assert (worker, count, same, value) == (n % 2, 2, True, str(n % 2 * 10)) and pid != os.getpid()
        assert text.startswith(f"WorkerInfo(id={worker}, num_workers=2, seed=")
    assert "WORKER_TEST" not in os.environ


class Pids(Dataset):
    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> int:
        return os.getpid()


def test_persistent_workers_stay():
    loader = DataLoader(Pids(), batch_size=None, num_workers=2, persistent_workers=True, **FORK)
    first, second = set(loader), set(loader)
    assert first == second and len(first) == 2
    for _ in loader:
        break  # left early; what was asked for is forgotten
    assert set(loader) == first and len(list(loader)) == 8
    del loader
    fresh = DataLoader(Pids(), batch_size=None, num_workers=2, **FORK)
    assert not set(fresh) & set(fresh)


def test_passes_that_are_left_early_keep_no_memory():
    loader = DataLoader(Squares(400), batch_size=2, num_workers=2, persistent_workers=True, **FORK)
    for turn in range(40):
        for n, (_, i) in zip(range(turn % 4 + 1), loader):
            assert i.tolist() == [2 * n, 2 * n + 1]
    assert sum(len(inbox.segments) for inbox in loader._iterator._crew.inboxes) <= 16


class Range(IterableDataset):
    def __init__(self, start: int, end: int) -> None:
        self.start, self.end = start, end

    def __iter__(self):
        return iter(range(self.start, self.end))


def split(worker_id: int) -> None:
    info = get_worker_info()
    piece = -(-(info.dataset.end - info.dataset.start) // info.num_workers)
    info.dataset.start += worker_id * piece
    info.dataset.end = min(info.dataset.start + piece, info.dataset.end)


def test_a_stream_that_workers_split_when_they_begin():
    loader = DataLoader(Range(3, 12), num_workers=3, batch_size=2, worker_init_fn=split, **FORK)
    assert sorted(torch.cat(list(loader)).tolist()) == list(range(3, 12))


def test_two_loaders_at_a_time():
    one, two = (iter(DataLoader(Squares(30), batch_size=2, num_workers=2, **FORK)) for _ in range(2))
    for (_, i), (_, j) in zip(one, two):
        assert torch.equal(i, j)
    left = iter(DataLoader(Squares(30), batch_size=2, num_workers=2, **FORK))
    other = iter(DataLoader(Squares(30), batch_size=2, num_workers=2, **FORK))
    next(left), next(other)
    start = time.monotonic()
    del left  # while processes that were forked later have copies of its sockets
    gc.collect()
    assert time.monotonic() - start < 3
    assert len(list(other)) == 14


def test_more_workers_than_cpus_warn(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0}, raising=False)
    loader = DataLoader(Squares(4), num_workers=2, **FORK)
    with pytest.warns(UserWarning, match="suggested max number of worker in current system is 1"):
        list(loader)


def test_pin_memory_is_accepted():
    assert len(list(DataLoader(Squares(4), num_workers=1, pin_memory=True, **FORK))) == 4


def test_iterators_are_not_pickled():
    import pickle

    with pytest.raises(NotImplementedError, match="cannot be pickled"):
        pickle.dumps(iter(DataLoader(Squares(4), num_workers=1, **FORK)))


# ---- errors


class Picky(Exception):
    def __init__(self, one, two):
        super().__init__(one, two)


class Fails(Dataset):
    def __init__(self, error: str) -> None:
        self.error = error

    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> int:
        if index == 5:
            if self.error == "key":
                return {}["missing"]
            if self.error == "picky":
                raise Picky(1, 2)
            if self.error == "local":

                class Local(Exception):
                    pass

                raise Local("hidden")
            if self.error == "unpicklable":
                return lambda: None
            if self.error == "memory":
                raise MemoryError("none left")
            if self.error == "graph":
                return torch.ones(1, requires_grad=True) * 2
            if self.error == "stop":
                raise StopIteration
            raise ValueError("the fifth")
        return index


@pytest.mark.parametrize(
    "error, cls, text",
    [
        ("value", ValueError, "the fifth"),
        ("key", KeyError, "missing"),
        ("picky", RuntimeError, "Picky"),
        ("local", RuntimeError, "Local: hidden"),
        ("memory", MemoryError, "none left"),
        ("unpicklable", Exception, "pickle"),
        ("graph", RuntimeError, "non-leaf"),
        ("stop", Exception, "StopIteration"),
    ],
)
def test_errors_come_with_the_workers_traceback(error, cls, text):
    loader = DataLoader(Fails(error), batch_size=None, num_workers=2, **FORK)
    batches = iter(loader)
    assert [next(batches) for _ in range(5)] == [0, 1, 2, 3, 4]
    with pytest.raises(cls, match=r"(?s)Caught .* in DataLoader worker process 1\.\nOriginal .*Traceback.*" + text):
        next(batches)
    assert list(batches) == [6, 7]  # the others still come


def limit_memory(worker_id: int) -> None:
    import resource

    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + (256 << 20),) * 2)


class Huge(Dataset):
    def __init__(self, make) -> None:
        self.make = make

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int):
        return self.make(1 << 30) if index == 2 else torch.zeros(1)


def huge_tensor(count: int) -> torch.Tensor:
    return torch.zeros(count, dtype=torch.uint8)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits what Linux counts")
@pytest.mark.parametrize("make, cls", [(huge_tensor, torch.OutOfMemoryError), (bytearray, MemoryError)])
def test_a_worker_without_memory_says_so(make, cls):
    batches = iter(DataLoader(Huge(make), batch_size=None, num_workers=1, worker_init_fn=limit_memory, **FORK))
    next(batches), next(batches)
    with pytest.raises(cls, match=f"Caught {cls.__name__} in DataLoader worker process 0"):
        next(batches)
    assert next(batches).tolist() == [0]  # and lives on


def bad_init(worker_id: int) -> None:
    raise OSError(f"no file for worker {worker_id}")


class BadIter(IterableDataset):
    def __iter__(self):
        raise ValueError("no stream today")


@pytest.mark.parametrize("method", METHODS)
def test_errors_at_the_start(method):
    with pytest.raises(OSError, match="no file for worker 0"):
        list(DataLoader(Squares(4), num_workers=2, worker_init_fn=bad_init, multiprocessing_context=method))
    if method == "fork":
        with pytest.raises(ValueError, match="no stream today"):
            list(DataLoader(BadIter(), num_workers=1, **FORK))


def test_what_cannot_be_sent_to_a_new_process_is_an_error_here():
    dataset = [lambda: None]
    with pytest.raises(Exception, match="pickle"):
        iter(DataLoader(dataset, num_workers=1, multiprocessing_context="spawn"))


def test_timeout():
    class Sleeps(Squares):
        def __getitem__(self, index):
            time.sleep(60 if index == 1 else 0)
            return index

    batches = iter(DataLoader(Sleeps(4), batch_size=1, num_workers=1, timeout=0.3, **FORK))
    assert int(next(batches)) == 0
    start = time.monotonic()
    with pytest.raises(RuntimeError, match="timed out after 0.3 seconds"):
        next(batches)
    assert time.monotonic() - start < 2
    for process in batches._workers:
        process.kill()


# ---- deaths


class Dies(Dataset):
    def __init__(self, at: int, how: str) -> None:
        self.at, self.how = at, how

    def __len__(self) -> int:
        return 1000

    def __getitem__(self, index: int) -> torch.Tensor:
        if index == self.at:
            if self.how == "exit":
                os._exit(3)
            if self.how == "SIGSEGV":
                signal.signal(signal.SIGSEGV, signal.SIG_DFL)  # pytest's handler would print a page
            os.kill(os.getpid(), getattr(signal, self.how))
            time.sleep(60)
        return torch.full((100,), index)


@pytest.mark.parametrize(
    "how, text",
    [
        ("SIGKILL", r"is killed by signal: Killed \(SIGKILL, .*memory"),
        ("SIGSEGV", r"is killed by signal: Segmentation fault \(SIGSEGV"),
        ("exit", "ended with exit code 3"),
    ],
)
def test_a_worker_that_dies_is_named_at_once(how, text):
    batches = iter(DataLoader(Dies(41, how), batch_size=2, num_workers=2, **FORK))
    for _ in range(16):
        next(batches)
    pids = [process.pid for process in batches._workers]
    start = time.monotonic()
    with pytest.raises(RuntimeError, match=rf"DataLoader worker \(pid\(s\) {pids[0]}\) exited unexpectedly: .*{text}"):
        for _ in batches:
            pass
    assert time.monotonic() - start < 2
    with pytest.raises(RuntimeError, match="exited unexpectedly"):
        next(batches)
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_a_hundred_kills_leave_nothing():
    before, memory, opened = segments(), _shared_memory(), descriptors()
    slowest = 0.0
    for turn in range(100):
        loader = DataLoader(Squares(4000), batch_size=8, num_workers=2, **FORK)
        batches = iter(loader)
        for _ in range(turn % 5):
            next(batches)
        victim = batches._workers[turn % 2]
        os.kill(victim.pid, signal.SIGKILL)
        start = time.monotonic()
        with pytest.raises(RuntimeError, match=rf"pid\(s\) {victim.pid}.*SIGKILL"):
            for _ in batches:
                pass
        slowest = max(slowest, time.monotonic() - start)
        del batches, loader
    assert slowest < 2
    assert segments() == before
    assert descriptors() <= opened + 3
    assert _shared_memory() - memory < 16 << 20


def _shared_memory() -> int:
    gc.collect()
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("Shmem:"):
            return int(line.split()[1]) * 1024
    return 0


PROGRAM = """
    import os, signal, sys, time
    import rushlight as torch
    from rushlight.utils.data import DataLoader

    class Numbers(torch.utils.data.Dataset):
        def __len__(self):
            return 100000
        def __getitem__(self, index):
            if index == 40 and SLEEP:
                time.sleep(600)
            return torch.full((1000,), index)

    if __name__ == "__main__":
        batches = iter(DataLoader(Numbers(), batch_size=4, num_workers=2, multiprocessing_context=METHOD))
        for _ in range(8):
            next(batches)
        print(*(process.pid for process in batches._workers), flush=True)
        for _ in batches:
            pass
"""


def start_program(tmp_path: Path, method: str, sleep: bool) -> tuple[subprocess.Popen, list[int]]:
    path = tmp_path / "program.py"
    path.write_text(textwrap.dedent(PROGRAM).replace("METHOD", repr(method)).replace("SLEEP", str(sleep)))
    package = str(Path(torch.__file__).parent.parent)
    process = subprocess.Popen(
        [sys.executable, str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": package},
    )
    return process, [int(pid) for pid in process.stdout.readline().split()]


def wait_until_gone(pids: list[int], seconds: float) -> None:
    until = time.monotonic() + seconds
    for pid in pids:
        while _alive(pid):
            assert time.monotonic() < until, f"process {pid} lives on"
            time.sleep(0.02)


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"  # nobody but us may be there to take note of its end


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("sleep", [False, True])
def test_workers_end_with_their_parent(tmp_path, method, sleep):
    process, pids = start_program(tmp_path, method, sleep)
    assert len(pids) == 2
    process.kill()
    process.wait()
    wait_until_gone(pids, 5)
    process.stdout.close(), process.stderr.close()


@pytest.mark.parametrize("sleep", [False, True])
def test_an_interrupt_is_clean(tmp_path, sleep):
    process, pids = start_program(tmp_path, "fork", sleep)
    time.sleep(0.3)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    _, errors = process.communicate(timeout=20)
    wait_until_gone(pids, 2)
    assert process.returncode not in (0, None)
    assert errors.count("KeyboardInterrupt") == 1, errors  # the main process's own, and nothing else
    assert "Traceback" in errors and "DataLoader worker" not in errors


def test_an_interrupt_of_the_main_process_alone(tmp_path):
    process, pids = start_program(tmp_path, "fork", True)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    wait_until_gone(pids, 2)
    assert errors.count("KeyboardInterrupt") == 1, errors
