"""`torch.utils.benchmark`: times statements, with warm-up, several runs and honest statistics."""

from __future__ import annotations

import timeit as _timeit
from collections.abc import Callable
from statistics import median
from typing import Any

__all__ = ["Compare", "Measurement", "Timer", "timer"]

timer = _timeit.default_timer


class Measurement:
    """The times of several runs.

    Args:
        number_per_run: how often the statement ran in each.
        raw_times: seconds of each run.
    """

    def __init__(
        self,
        number_per_run: int,
        raw_times: list[float],
        label: str | None = None,
        sub_label: str | None = None,
        description: str | None = None,
    ) -> None:
        self.number_per_run = number_per_run
        self.raw_times = raw_times
        self.label, self.sub_label, self.description = label, sub_label, description

    @property
    def times(self) -> list[float]:
        """Seconds of one execution, for each run."""
        return [t / self.number_per_run for t in self.raw_times]

    @property
    def median(self) -> float:
        """The median of `times`."""
        return median(self.times)

    @property
    def mean(self) -> float:
        """The mean of `times`."""
        return sum(self.times) / len(self.times)

    @property
    def iqr(self) -> float:
        """The distance of the quartiles of `times`."""
        ordered = sorted(self.times)
        last = len(ordered) - 1
        return ordered[round(0.75 * last)] - ordered[round(0.25 * last)]

    def __repr__(self) -> str:
        name = " ".join(filter(None, (self.label, self.sub_label, self.description)))
        spread = f"median {_seconds(self.median)}, IQR {_seconds(self.iqr)}"
        return f"<Measurement {name}: {spread}, {len(self.raw_times)} runs of {self.number_per_run}>"


def _seconds(t: float) -> str:
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if t >= scale:
            return f"{t / scale:.2f} {unit}"
    return f"{t / 1e-9:.2f} ns"


class Timer:
    """Times a statement.

    Example::

        >>> Timer("x @ x", globals={"x": torch.randn(64, 64)}).blocked_autorange().median
    """

    def __init__(
        self,
        stmt: str = "pass",
        setup: str = "pass",
        global_setup: str = "",
        timer: Callable[[], float] = timer,
        globals: dict[str, Any] | None = None,
        label: str | None = None,
        sub_label: str | None = None,
        description: str | None = None,
        env: str | None = None,
        num_threads: int = 1,
        language: Any = "python",
    ) -> None:
        if str(language).lower() not in ("python", "language.python"):
            raise NotImplementedError(
                f"benchmark.Timer: language {language} is not in Rushlight; only Python statements can be timed"
            )
        self._timer = _timeit.Timer(stmt, setup, timer, dict(globals or {}))
        self._names = (label, sub_label, description)
        self._threads = num_threads

    def _run(self, number: int) -> float:
        import rushlight as torch

        before = torch.get_num_threads()
        torch.set_num_threads(self._threads)
        try:
            return self._timer.timeit(number)
        finally:
            torch.set_num_threads(before)

    def timeit(self, number: int = 1_000_000) -> Measurement:
        """One run of `number` executions, after a short one to warm up."""
        self._run(max(number // 100, 2))
        return Measurement(number, [self._run(number)], *self._names)

    def blocked_autorange(self, callback: Any = None, min_run_time: float = 0.2) -> Measurement:
        """Runs of equal length until `min_run_time` seconds have passed."""
        number = 1
        while (taken := self._run(number)) < max(min_run_time / 1000, 1e-4) and number < 1 << 30:
            number *= 10 if taken * 10 < min_run_time / 1000 else 2
        times: list[float] = []
        while sum(times) < min_run_time or not times:
            times.append(self._run(number))
            if callback is not None:
                callback(number, times[-1])
        return Measurement(number, times, *self._names)

    def adaptive_autorange(
        self, threshold: float = 0.1, *, min_run_time: float = 0.01, max_run_time: float = 10.0, callback: Any = None
    ) -> Measurement:
        """Like `blocked_autorange`, until the quartiles are within `threshold` of the median."""
        result = self.blocked_autorange(callback, min_run_time)
        while len(result.raw_times) < 4 or result.iqr > threshold * result.median:
            if sum(result.raw_times) >= max_run_time:
                break
            result.raw_times.append(self._run(result.number_per_run))
        return result


class Compare:
    """A table of measurements.

    Example::

        >>> Compare([timer_a.blocked_autorange(), timer_b.blocked_autorange()]).print()
    """

    def __init__(self, results: list[Measurement]) -> None:
        self._results = list(results)

    def extend_results(self, results: list[Measurement]) -> None:
        """Adds measurements."""
        self._results += results

    def trim_significant_figures(self) -> None:
        """The table shows three figures anyway."""

    def colorize(self, rowwise: bool = False) -> None:
        """The table has no colours."""

    def __str__(self) -> str:
        rows = [
            (" ".join(filter(None, (m.label, m.sub_label, m.description))), _seconds(m.median)) for m in self._results
        ]
        width = max((len(name) for name, _ in rows), default=0)
        return "\n".join(f"{name:<{width}}  {time:>12}" for name, time in rows)

    def print(self) -> None:
        """Prints the table."""
        print(self)
