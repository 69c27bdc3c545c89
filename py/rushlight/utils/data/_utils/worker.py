"""The life of a DataLoader's worker process."""

from __future__ import annotations

import os
import pickle
import random
import select
import signal
import socket
import sys
import threading
from collections.abc import Callable
from typing import Any, NamedTuple

import rushlight as torch

from .. import dataloader as _dataloader
from . import collate as _collate
from .channel import ERROR, REQUEST, RESUME, STOP, Channel, Outbox

__all__ = ["Task", "WorkerInfo", "get_worker_info", "run"]


class WorkerInfo:
    """What `get_worker_info()` gives in a worker: `id`, `num_workers`, `seed` and `dataset` (this process's copy)."""

    __initialized = False

    def __init__(self, **values: Any) -> None:
        for name, value in values.items():
            setattr(self, name, value)
        self.__keys = tuple(values)
        self.__initialized = True

    def __setattr__(self, name: str, value: Any) -> None:
        if self.__initialized:
            raise RuntimeError(f"Cannot assign attributes to {type(self).__name__} objects")
        super().__setattr__(name, value)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{key}={getattr(self, key)}' for key in self.__keys)})"


def get_worker_info() -> Any:
    """See `torch.utils.data.get_worker_info`."""
    return _dataloader.get_worker_info()


class Task(NamedTuple):
    """What a worker is started with."""

    kind: int
    dataset: Any
    auto_collation: bool
    collate_fn: Callable
    drop_last: bool
    base_seed: int
    init_fn: Callable[[int], None] | None
    num_workers: int
    parent: int
    # whether this process's parent is the one that loads, and not a server that forks for it
    direct: bool


def _generate_state(base_seed: int, worker_id: int) -> list[int]:
    """Four 32-bit words for NumPy's generator: its SeedSequence over the worker's number and the base seed."""
    mask = 0xFFFFFFFF
    pool = [worker_id & mask, base_seed & mask, base_seed >> 32 & mask, 0]
    factor = 0x43B0D7E5

    def hashed(value: int) -> int:
        nonlocal factor
        value ^= factor
        factor = factor * 0x931E8875 & mask
        value = value * factor & mask
        return value ^ value >> 16

    pool = [hashed(word) for word in pool]
    for source in range(4):
        for target in range(4):
            if source != target:
                mixed = 0xCA01F9DD * pool[target] - 0x4973F715 * hashed(pool[source]) & mask
                pool[target] = mixed ^ mixed >> 16
    factor, state = 0x8B51F9DD, []
    for word in pool:
        word ^= factor
        factor = factor * 0x58F38DED & mask
        word = word * factor & mask
        state.append(word ^ word >> 16)
    return state


class _SeedNumpy:
    """Seeds `numpy.random` when it is imported, which may be never: an import that nobody needs would cost the first batch."""

    def __init__(self, state: list[int]) -> None:
        self.state = state

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name != "numpy.random":
            return None
        from importlib.util import find_spec

        sys.meta_path.remove(self)  # type: ignore[arg-type]
        spec = find_spec(name)
        if spec is not None and spec.loader is not None:
            loader, execute = spec.loader, spec.loader.exec_module

            def exec_module(module: Any) -> None:
                execute(module)
                module.seed(self.state)

            loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def _seed(base_seed: int, worker_id: int) -> int:
    seed = base_seed + worker_id
    random.seed(seed)
    torch.manual_seed(seed)
    state = _generate_state(base_seed, worker_id)
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed(state)
    else:
        sys.meta_path.insert(0, _SeedNumpy(state))  # type: ignore[arg-type]
    return seed


def _watch(parent: int, direct: bool) -> None:
    """Ends this process when the one that it works for has ended, also while a dataset keeps it busy."""
    import multiprocessing

    process = multiprocessing.parent_process()
    poll = select.poll()
    if process is not None:
        poll.register(process.sentinel, select.POLLIN)
    while True:
        if poll.poll(1000) or (direct and os.getppid() != parent):
            os._exit(1)


def run(worker_id: int, end: socket.socket, inherited: list[socket.socket], task: Task) -> None:
    """What a worker process runs."""
    try:
        if hasattr(signal, "pthread_sigmask"):
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})  # held back until here
        for other in inherited:
            other.close()
        _work(worker_id, Channel(end), task)
    except KeyboardInterrupt:
        pass  # the main process has been interrupted, too, and says so
    except (BrokenPipeError, ConnectionResetError):
        pass  # nobody waits for the answer any more
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def _work(worker_id: int, channel: Channel, task: Task) -> None:
    threading.Thread(target=_watch, args=(task.parent, task.direct), daemon=True).start()
    torch.set_num_threads(1)
    seed = _seed(task.base_seed, worker_id)
    _dataloader._worker_info = WorkerInfo(
        id=worker_id, num_workers=task.num_workers, seed=seed, dataset=task.dataset
    )
    outbox = Outbox(channel)
    _collate._room = outbox.room
    where = f"in DataLoader worker process {worker_id}"
    failure: bytes | None = None
    fetch: Any = None
    # a stream that has ended
    ended = False

    def begin() -> Any:
        return _dataloader._DatasetKind.create_fetcher(
            task.kind, task.dataset, task.auto_collation, task.collate_fn, task.drop_last
        ).fetch

    try:
        if task.init_fn is not None:
            task.init_fn(worker_id)
        fetch = begin()
    except Exception:
        failure = _failure(where)
    while True:
        frame = channel.receive()
        if frame is None:
            return
        if frame.kind == RESUME:
            ended = False
            try:
                if fetch is not None:
                    fetch, failure = begin(), None
            except Exception:
                failure = _failure(where)
            channel.send(RESUME)
            continue
        if ended or frame.kind != REQUEST:
            continue
        if failure is not None:
            channel.send(ERROR, frame.number, payload=failure)
            continue
        batch = None
        try:
            outbox.begin()
            batch = fetch(pickle.loads(frame.payload))
            outbox.send(frame.number, batch)
        except (BrokenPipeError, ConnectionResetError):
            raise
        except StopIteration:
            if task.kind != _dataloader._DatasetKind.Iterable:
                channel.send(ERROR, frame.number, payload=_failure(where))
                continue
            ended = True
            channel.send(STOP, frame.number)
        except Exception:
            channel.send(ERROR, frame.number, payload=_failure(where))


def _failure(where: str) -> bytes:
    """The exception that is being handled, pickled; as a RuntimeError if its type cannot be."""
    from multiprocessing.reduction import ForkingPickler

    from rushlight._utils import ExceptionWrapper

    wrapper = ExceptionWrapper(where=where)
    try:
        data = bytes(ForkingPickler.dumps(wrapper))
        pickle.loads(data)
        return data
    except Exception:
        wrapper.exc_msg = f"({wrapper.exc_type.__name__}, which cannot be pickled)\n{wrapper.exc_msg}"
        wrapper.exc_type = RuntimeError
        return bytes(ForkingPickler.dumps(wrapper))
