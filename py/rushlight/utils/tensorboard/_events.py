"""Event files: protocol buffers in TensorFlow's record format, encoded here, so that nothing needs to be installed.

A message is bytes; :func:`field` encodes one field of it. The numbers are those of TensorBoard's `.proto` files.
"""

from __future__ import annotations

import atexit
import os
import struct
import threading
import time
import weakref
from collections.abc import Iterable
from typing import Any

__all__ = ["EventFile", "field", "packed", "event", "summary", "value"]


def _varint(number: int) -> bytes:
    number &= (1 << 64) - 1
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def field(number: int, content: Any, kind: str = "") -> bytes:
    """A field: int and bool as varint, str and bytes with their length, float as double, or as float if `kind` is "f"."""
    if isinstance(content, (bytes, str)):
        content = content.encode() if isinstance(content, str) else content
        return _varint(number << 3 | 2) + _varint(len(content)) + content
    if isinstance(content, float):
        return _varint(number << 3 | (5 if kind == "f" else 1)) + struct.pack("<f" if kind == "f" else "<d", content)
    return _varint(number << 3) + _varint(int(content))


def packed(number: int, numbers: Iterable[float]) -> bytes:
    """A repeated field of doubles."""
    numbers = list(numbers)
    return field(number, struct.pack(f"<{len(numbers)}d", *numbers))


def value(tag: str, content: bytes, metadata: bytes = b"") -> bytes:
    """A `Summary.Value` of a tag."""
    return field(1, tag) + content + (field(9, metadata) if metadata else b"")


def summary(*values: bytes) -> bytes:
    """A `Summary` of values."""
    return b"".join(field(1, one) for one in values)


def event(content: bytes, step: int | None = None, walltime: float | None = None) -> bytes:
    """An `Event` around a summary, or around another field of it that is encoded already."""
    head = field(1, float(time.time() if walltime is None else walltime))
    return head + (b"" if step is None else field(2, int(step))) + content


def _crc_table() -> list[int]:
    table = []
    for number in range(256):
        for _ in range(8):
            number = number >> 1 ^ (0x82F63B78 if number & 1 else 0)
        table.append(number)
    return table


_TABLE = _crc_table()


def _masked_crc(data: bytes) -> int:
    """CRC-32C, rotated and moved as the record format wants it."""
    crc, table = 0xFFFFFFFF, _TABLE
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ crc >> 8
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def record(data: bytes) -> bytes:
    """Data with its length and the checks of both."""
    length = struct.pack("<Q", len(data))
    return length + struct.pack("<I", _masked_crc(length)) + data + struct.pack("<I", _masked_crc(data))


_count = 0
_open: weakref.WeakSet[EventFile] = weakref.WeakSet()


class EventFile:
    """A file of events in a folder, which is made if it is missing.

    Args:
        folder: where.
        max_queue: how many events wait before they are written out.
        flush_secs: how long they wait at most, seen when the next event comes.
        suffix: what stands behind the file's name.
    """

    def __init__(self, folder: str, max_queue: int = 10, flush_secs: float = 120, suffix: str = "") -> None:
        import socket

        global _count
        os.makedirs(folder, exist_ok=True)
        name = f"events.out.tfevents.{int(time.time()):010d}.{socket.gethostname()}.{os.getpid()}.{_count}{suffix}"
        _count += 1
        self.path = os.path.join(folder, name)
        self._limits = max(max_queue, 1), flush_secs
        self._lock = threading.Lock()
        self._file = open(self.path, "wb")
        self._waiting, self._flushed = 0, time.monotonic()
        self.write(event(field(3, "brain.Event:2")))
        self.flush()
        _open.add(self)

    def write(self, data: bytes) -> None:
        """Appends an event. After `close` the file is opened again."""
        framed = record(data)
        with self._lock:
            if self._file.closed:
                self._file = open(self.path, "ab")
            self._file.write(framed)
            self._waiting += 1
            queue, seconds = self._limits
            if self._waiting > queue or time.monotonic() - self._flushed > seconds:
                self._flush()

    def _flush(self) -> None:
        self._file.flush()
        self._waiting, self._flushed = 0, time.monotonic()

    def flush(self) -> None:
        """Writes out what waits."""
        with self._lock:
            if not self._file.closed:
                self._flush()

    def close(self) -> None:
        """Ends the file."""
        with self._lock:
            self._file.close()


@atexit.register
def _close_all() -> None:
    for file in list(_open):
        file.close()
