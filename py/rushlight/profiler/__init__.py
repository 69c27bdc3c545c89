"""`torch.profiler`: measures how long named blocks take. Operations themselves are not recorded yet."""

from __future__ import annotations

import functools
import json
import os
import threading
import time
from collections.abc import Callable, Iterable
from enum import Enum
from typing import Any

__all__ = [
    "ProfilerAction",
    "ProfilerActivity",
    "kineto_available",
    "profile",
    "record_function",
    "schedule",
    "supported_activities",
    "tensorboard_trace_handler",
]


class ProfilerActivity(Enum):
    """What to record."""

    CPU = 0
    XPU = 1
    MTIA = 2
    CUDA = 3
    HPU = 4
    PrivateUse1 = 5


class ProfilerAction(Enum):
    """What a profiler does in a step."""

    NONE = 0
    WARMUP = 1
    RECORD = 2
    RECORD_AND_SAVE = 3


class _Event:
    """One block that was measured."""

    __slots__ = ("begin", "end", "name", "thread")

    def __init__(self, name: str, begin: int, end: int, thread: int) -> None:
        self.name, self.begin, self.end, self.thread = name, begin, end, thread


_recording: list[profile] = []


class record_function:
    """Measures a block under a name, while a profiler runs. Also a decorator.

    Example::

        >>> with torch.profiler.record_function("forward"):
        ...     model(x)
    """

    def __init__(self, name: str, args: str | None = None) -> None:
        self.name = name
        self.args = args
        self._begin = 0

    def __enter__(self) -> record_function:
        if _recording:
            self._begin = time.perf_counter_ns()
        return self

    def __exit__(self, *exc: object) -> None:
        if _recording and self._begin:
            event = _Event(self.name, self._begin, time.perf_counter_ns(), threading.get_ident())
            for profiler in _recording:
                profiler._record(event)
            self._begin = 0

    def __call__(self, func: Callable) -> Callable:
        @functools.wraps(func)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            with record_function(self.name, self.args):
                return func(*args, **kwargs)

        return wrapper


def schedule(
    *, wait: int, warmup: int, active: int, repeat: int = 0, skip_first: int = 0, skip_first_wait: int = 0
) -> Callable:
    """A schedule for `profile`: skip, then cycles of waiting, warming up and recording."""
    for name, value, least in (
        ("wait", wait, 0),
        ("warmup", warmup, 0),
        ("active", active, 1),
        ("repeat", repeat, 0),
        ("skip_first", skip_first, 0),
    ):
        if value < least:
            raise ValueError(f"profiler.schedule: {name} must be at least {least}, got {value}")

    def action(step: int) -> ProfilerAction:
        if step < skip_first:
            return ProfilerAction.NONE
        step -= skip_first
        first_wait = 0 if skip_first_wait else wait
        if skip_first_wait:
            step += wait - first_wait
        cycle = wait + warmup + active
        if repeat > 0 and step // cycle >= repeat:
            return ProfilerAction.NONE
        at = step % cycle
        if at < wait:
            return ProfilerAction.NONE
        if at < wait + warmup:
            return ProfilerAction.WARMUP
        return ProfilerAction.RECORD if at < cycle - 1 else ProfilerAction.RECORD_AND_SAVE

    return action


def _default_schedule_fn(_: int) -> ProfilerAction:
    return ProfilerAction.RECORD


class _Average:
    """All blocks of one name."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.count = 0
        self.cpu_time_total = 0.0

    @property
    def cpu_time(self) -> float:
        """Microseconds on average."""
        return self.cpu_time_total / self.count if self.count else 0.0

    self_cpu_time_total = property(lambda self: self.cpu_time_total)
    device_time_total = self_device_time_total = cuda_time_total = property(lambda self: 0.0)


class _Averages(list):
    """What `key_averages` gives: prints as a table."""

    def table(self, sort_by: str | None = None, row_limit: int = 100, header: str | None = None, **_: Any) -> str:
        """The blocks, the longest first."""
        rows = sorted(self, key=lambda row: -row.cpu_time_total)[: row_limit if row_limit >= 0 else None]
        width = max([len("Name"), *(len(row.key) for row in rows)])
        lines = [f"{'Name':<{width}}  {'CPU total':>12}  {'CPU average':>12}  {'Calls':>8}"]
        lines += [
            f"{row.key:<{width}}  {row.cpu_time_total:>10.1f}us  {row.cpu_time:>10.1f}us  {row.count:>8}"
            for row in rows
        ]
        return "\n".join(([header] if header else []) + lines)

    def total_average(self) -> _Average:
        """All blocks together."""
        total = _Average("Total")
        for row in self:
            total.count += row.count
            total.cpu_time_total += row.cpu_time_total
        return total

    __str__ = table


class profile:
    """Records the blocks that `record_function` names.

    Args:
        schedule: from a step's number to what to do in it; default: record everything.
        on_trace_ready: called with the profiler when a recording is complete.
        activities, record_shapes, profile_memory, with_stack, with_flops, with_modules: accepted; operations are not
            recorded yet.

    Example::

        >>> with torch.profiler.profile() as prof:
        ...     train_step()
        >>> print(prof.key_averages().table())
    """

    def __init__(
        self,
        *,
        activities: Iterable[ProfilerActivity] | None = None,
        schedule: Callable[[int], ProfilerAction] | None = None,
        on_trace_ready: Callable[[profile], Any] | None = None,
        record_shapes: bool = False,
        profile_memory: bool = False,
        with_stack: bool = False,
        with_flops: bool = False,
        with_modules: bool = False,
        experimental_config: Any = None,
        acc_events: bool = False,
        use_cuda: bool | None = None,
        **_: Any,
    ) -> None:
        self.schedule = schedule or _default_schedule_fn
        self.on_trace_ready = on_trace_ready
        self.step_num = 0
        self._scheduled = schedule is not None
        self._events: list[_Event] = []
        self._active = False
        self._metadata: dict[str, str] = {}

    def _record(self, event: _Event) -> None:
        self._events.append(event)

    def _set(self, on: bool) -> None:
        if on and not self._active:
            _recording.append(self)
        elif not on and self._active:
            _recording.remove(self)
        self._active = on

    def start(self) -> None:
        """Begins."""
        self.current_action = self.schedule(self.step_num)
        self._events = []
        self._set(self.current_action in (ProfilerAction.RECORD, ProfilerAction.RECORD_AND_SAVE))
        self._step_begin = time.perf_counter_ns()

    def stop(self) -> None:
        """Ends, and hands over what was recorded."""
        was = self._active
        self._set(False)
        if was and self.on_trace_ready is not None:
            self.on_trace_ready(self)

    def step(self) -> None:
        """Says that the next step begins."""
        now = time.perf_counter_ns()
        if self._active:
            self._record(_Event(f"ProfilerStep#{self.step_num}", self._step_begin, now, threading.get_ident()))
        self._step_begin = now
        done = self.current_action is ProfilerAction.RECORD_AND_SAVE
        self.step_num += 1
        self.current_action = self.schedule(self.step_num)
        if done:
            self._set(False)
            if self.on_trace_ready is not None:
                self.on_trace_ready(self)
        record = self.current_action in (ProfilerAction.RECORD, ProfilerAction.RECORD_AND_SAVE)
        if record and not self._active:
            self._events = []
        self._set(record)

    def __enter__(self) -> profile:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def events(self) -> list:
        """The blocks, in the order of their ends."""
        return list(self._events)

    def key_averages(self, group_by_input_shape: bool = False, group_by_stack_n: int = 0, **_: Any) -> _Averages:
        """The blocks by name."""
        rows: dict[str, _Average] = {}
        for event in self._events:
            row = rows.setdefault(event.name, _Average(event.name))
            row.count += 1
            row.cpu_time_total += (event.end - event.begin) / 1e3
        return _Averages(rows.values())

    def add_metadata(self, key: str, value: str) -> None:
        """Adds a line of text to the trace."""
        self._metadata[key] = value

    def export_chrome_trace(self, path: str) -> None:
        """Writes the blocks in Chrome's trace format."""
        events = [
            {
                "ph": "X",
                "name": e.name,
                "pid": os.getpid(),
                "tid": e.thread,
                "ts": e.begin / 1e3,
                "dur": (e.end - e.begin) / 1e3,
            }
            for e in self._events
        ]
        with open(path, "w") as file:
            json.dump({"traceEvents": events, **self._metadata}, file)


def tensorboard_trace_handler(dir_name: str, worker_name: str | None = None, use_gzip: bool = False) -> Callable:
    """An `on_trace_ready` that writes traces into a folder."""

    def handler(profiler: profile) -> None:
        os.makedirs(dir_name, exist_ok=True)
        name = worker_name or f"{os.uname().nodename if hasattr(os, 'uname') else 'host'}_{os.getpid()}"
        path = os.path.join(dir_name, f"{name}.{time.time_ns()}.pt.trace.json")
        profiler.export_chrome_trace(path)
        if use_gzip:
            import gzip

            with open(path, "rb") as source, gzip.open(path + ".gz", "wb") as target:
                target.write(source.read())
            os.unlink(path)

    return handler


def supported_activities() -> set[ProfilerActivity]:
    """What can be recorded."""
    return {ProfilerActivity.CPU}


def kineto_available() -> bool:
    """False."""
    return False
