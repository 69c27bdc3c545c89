"""Iterates over a DataLoader with worker processes."""

from __future__ import annotations

import contextlib
import itertools
import os
import pickle
import select
import signal
import sys
import time
import weakref
from collections import deque
from collections.abc import Iterator
from typing import Any

from ..dataloader import DataLoader, _BaseDataLoaderIter
from . import worker
from .channel import ERROR, REQUEST, RESUME, STOP, Channel, Frame, Inbox

__all__ = ["Crew", "_MultiProcessingDataLoaderIter"]

# Seconds between looks at whether the workers live; usually the end of their socket tells it at once.
_LOOK = 0.5
# Seconds that workers get to finish what they are at when they are no longer needed.
_GRACE = 5.0
# Requests that a worker is sent ahead; what is beyond waits here, so that sending never waits for the worker.
_AHEAD = 32

# All connections of this process, which forked workers close: each belongs to one pair of processes only.
_channels: weakref.WeakSet[Channel] = weakref.WeakSet()


@contextlib.contextmanager
def _interrupts_wait(method: str) -> Iterator[None]:
    """Ctrl-C comes after this block, and to a process that is started in it when it is ready (`worker.run` lets it in). Not for
    a forkserver, which all processes to come would inherit it from.
    """
    if method == "forkserver" or not hasattr(signal, "pthread_sigmask"):
        yield
        return
    if method == "spawn":
        from multiprocessing import resource_tracker

        resource_tracker.ensure_running()  # which lets interrupts in when it starts
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Crew:
    """The worker processes of one iterator, and the lines to them."""

    def __init__(self, context: Any, task: worker.Task) -> None:
        Channel.check()
        self.pid = os.getpid()
        self.processes: list[Any] = []
        self.channels: list[Channel] = []
        self.inboxes: list[Inbox] = []
        self.waiting: list[deque[tuple[int, bytes]]] = []
        self.ahead: list[int] = []
        self.arrived: deque[tuple[int, Frame]] = deque()
        self.by_descriptor: dict[int, int] = {}
        self.poll = select.poll()
        self.failure: str | None = None
        method = context.get_start_method()
        try:
            for number in range(task.num_workers):
                channel, theirs = Channel.pair()
                _channels.add(channel)
                inherited = [other.socket for other in _channels] if method == "fork" else []
                process = context.Process(target=worker.run, args=(number, theirs, inherited, task))
                process.daemon = True
                with _interrupts_wait(method):
                    process.start()
                    self.processes.append(process)
                    self.channels.append(channel)
                theirs.close()
                self.inboxes.append(Inbox())
                self.waiting.append(deque())
                self.ahead.append(0)
                descriptor = channel.socket.fileno()
                self.by_descriptor[descriptor] = number
                self.poll.register(descriptor, select.POLLIN)
        except BaseException:
            self.close(grace=0.2)
            raise

    def request(self, number: int, kind: int, index: int = 0, payload: bytes = b"") -> None:
        """Asks worker `number` for a batch. Does not wait."""
        if kind == REQUEST:
            if self.ahead[number] >= _AHEAD:
                self.waiting[number].append((index, payload))
                return
            self.ahead[number] += 1
        try:
            self.channels[number].send(kind, index, payload=payload)
        except OSError:
            self._lost(number)

    def forget_requests(self) -> None:
        """What waits to be sent is not wanted any more."""
        for queue in self.waiting:
            queue.clear()

    def receive(self, timeout: float | None) -> tuple[int, Frame] | None:
        """The next answer of any worker, and whose; None when the time is up.

        Raises:
            RuntimeError: a worker has ended unexpectedly.
        """
        until = None if timeout is None else time.monotonic() + timeout
        while not self.arrived:
            wait = _LOOK if until is None else min(_LOOK, until - time.monotonic())
            if wait < 0:
                return None
            events = self.poll.poll(wait * 1000)
            for descriptor, _ in events:
                self._read(self.by_descriptor[descriptor])
            if not events:
                for number in self.by_descriptor.values():
                    if not self.processes[number].is_alive():
                        self._lost(number)
        number, frame = self.arrived.popleft()
        if frame.kind != RESUME:
            self.ahead[number] -= 1
            if self.waiting[number]:
                index, payload = self.waiting[number].popleft()
                self.request(number, REQUEST, index, payload)
        return number, frame

    def _read(self, number: int) -> None:
        channel = self.channels[number]
        if not channel.read():
            self._lost(number)
        while (frame := channel.ready()) is not None:
            if not self.inboxes[number].note(frame):
                self.arrived.append((number, frame))

    def dismiss(self, number: int) -> None:
        """This worker is not needed any more."""
        descriptor = self.channels[number].socket.fileno()
        if self.by_descriptor.pop(descriptor, None) is not None:
            self.poll.unregister(descriptor)
        self.channels[number].close()

    def _lost(self, number: int) -> None:
        """Raises what has become of a worker that answers no more; ends the others."""
        process = self.processes[number]
        process.join(1)
        lost = [p for p in self.processes if p is process or (p.exitcode not in (None, 0))]
        pids = ", ".join(str(p.pid) for p in lost)
        what = "; ".join(f"DataLoader worker (pid {p.pid}) {_end(p.exitcode)}" for p in lost)
        self.failure = f"DataLoader worker (pid(s) {pids}) exited unexpectedly: {what}"
        self.close(grace=0)
        raise RuntimeError(self.failure)

    def close(self, grace: float = _GRACE) -> None:
        """Ends all workers, and waits for it."""
        if self.pid != os.getpid():
            return  # a forked child has no say
        for number in range(len(self.channels)):
            self.dismiss(number)
        until = time.monotonic() + grace
        for process in self.processes:
            process.join(max(0, until - time.monotonic()))
        for end in ("terminate", "kill"):
            left = [process for process in self.processes if process.is_alive()]
            for process in left:
                getattr(process, end)()
            for process in left:
                process.join(1)
        self.inboxes.clear()
        self.arrived.clear()


def _end(code: int | None) -> str:
    if code is None:
        return "closed its connection"
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        name, text = signal.Signals(-code).name, signal.strsignal(-code)
    except ValueError:
        name, text = str(-code), "unknown signal"
    hint = {
        "SIGKILL": ", which the system sends when memory runs out: smaller batches, fewer workers or a smaller prefetch_factor "
        "need less",
        "SIGBUS": ": shared memory has run out",
        "SIGSEGV": ": a crash in native code",
    }.get(name, "")
    return f"is killed by signal: {text} ({name}{hint})"


class _MultiProcessingDataLoaderIter(_BaseDataLoaderIter):
    """Asks workers for batches ahead of time, and gives them in order."""

    def __init__(self, loader: DataLoader) -> None:
        super().__init__(loader)
        # reductions: tensors of a dataset that is pickled for a new process go as handles
        import multiprocessing

        import rushlight.multiprocessing.reductions  # noqa: F401

        context = loader.multiprocessing_context or multiprocessing
        self._in_order = loader.in_order
        self._most_tasks = max(1, loader.prefetch_factor or 1) * self._num_workers
        task = worker.Task(
            self._dataset_kind,
            self._dataset,
            self._auto_collation,
            self._collate_fn,
            self._drop_last,
            self._base_seed,
            loader.worker_init_fn,
            self._num_workers,
            os.getpid(),
            context.get_start_method() != "forkserver",
        )
        self._crew = Crew(context, task)
        self._workers = self._crew.processes
        self._finalizer = weakref.finalize(self, self._crew.close)
        self._begin()

    def _begin(self) -> None:
        """Asks for the first batches of a pass."""
        self._send_idx = 0
        self._rcvd_idx = 0
        # by number of batch: who was asked, and what has come out of order
        self._task_info: dict[int, tuple[int, Frame | None]] = {}
        self._outstanding = 0
        self._working = [True] * self._num_workers
        self._num_tasks = [0] * self._num_workers
        self._cycle = itertools.cycle(range(self._num_workers))
        for _ in range(self._most_tasks):
            self._ask()

    def _reset(self, loader: DataLoader, first_iter: bool = False) -> None:
        """Begins another pass with the same workers."""
        super()._reset(loader, first_iter)
        crew = self._crew
        if crew.failure is not None:
            raise RuntimeError(crew.failure)
        crew.forget_requests()
        for number, frame in self._task_info.values():
            if frame is not None:
                crew.inboxes[number].discard(frame)
        for number in range(self._num_workers):
            crew.request(number, RESUME)
        to_resume = self._num_workers
        while to_resume:
            number, frame = self._receive()
            if frame.kind == RESUME:
                to_resume -= 1
            else:
                crew.inboxes[number].discard(frame)
        crew.ahead = [0] * self._num_workers
        self._begin()

    def _ask(self) -> None:
        """Asks one of the workers for the next batch, if there is one."""
        try:
            index = next(self._sampler_iter)
        except StopIteration:
            return
        for _ in range(self._num_workers):
            number = next(self._cycle)
            if self._working[number] and (
                self._in_order or self._num_tasks[number] < self._most_tasks // sum(self._working)
            ):
                break
        else:
            return  # nobody is left
        self._task_info[self._send_idx] = (number, None)
        self._num_tasks[number] += 1
        self._outstanding += 1
        self._crew.request(number, REQUEST, self._send_idx, pickle.dumps(index, pickle.HIGHEST_PROTOCOL))
        self._send_idx += 1

    def _receive(self) -> tuple[int, Frame]:
        try:
            answer = self._crew.receive(self._timeout or None)
        except KeyboardInterrupt:
            self._crew.close(grace=0.2)
            raise
        if answer is None:
            raise RuntimeError(f"DataLoader timed out after {self._timeout} seconds")
        return answer

    def _next_data(self) -> Any:
        if self._crew.failure is not None:
            raise RuntimeError(self._crew.failure)
        while True:
            # those who have ended will not answer
            while self._rcvd_idx < self._send_idx:
                number, frame = self._task_info.get(self._rcvd_idx, (-1, None))
                if frame is not None or (number >= 0 and self._working[number]):
                    break
                self._task_info.pop(self._rcvd_idx, None)
                self._rcvd_idx += 1
            else:
                if not self._persistent_workers:
                    self._shutdown_workers()
                raise StopIteration
            number, frame = self._task_info[self._rcvd_idx]
            if frame is not None:
                del self._task_info[self._rcvd_idx]
                self._rcvd_idx += 1
                return self._open(number, frame)
            number, frame = self._receive()
            self._outstanding -= 1
            if frame.kind == STOP:
                self._working[number] = False
                if not self._persistent_workers:
                    self._crew.dismiss(number)
                self._ask()
                continue
            if frame.number == self._rcvd_idx:
                del self._task_info[frame.number]
                self._rcvd_idx += 1
                return self._open(number, frame)
            if not self._in_order:
                del self._task_info[frame.number]
                return self._open(number, frame)
            self._task_info[frame.number] = (number, frame)

    def _open(self, number: int, frame: Frame) -> Any:
        self._num_tasks[number] -= 1
        self._ask()
        if frame.kind == ERROR:
            pickle.loads(frame.payload).reraise()
        return self._crew.inboxes[number].open(frame)

    def _shutdown_workers(self) -> None:
        self._finalizer()

    def __del__(self) -> None:
        if not sys.is_finalizing() and hasattr(self, "_finalizer"):
            self._finalizer()
