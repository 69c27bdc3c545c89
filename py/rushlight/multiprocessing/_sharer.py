"""Hands descriptors to other processes: who unpickles a tensor fetches its memory here, from the process that pickled it.

The standard library's resource sharer does the same with a connection for each descriptor; here a receiver keeps its connection,
so that a message of many tensors costs one handshake.
"""

from __future__ import annotations

import atexit
import itertools
import os
import socket
import struct
import sys
import threading
from collections import OrderedDict
from multiprocessing import process
from multiprocessing.connection import Client, Connection, Listener
from typing import Any

__all__ = ["fetch", "offer"]

_ID = struct.Struct("<Q")
# Connections that a receiver keeps.
_MOST = 32


class _Server:
    """The sender's side: descriptors that wait to be fetched, each once."""

    def __init__(self) -> None:
        # on Linux a name outside of the file system: nothing is left of it, however the process ends
        name = f"\0rushlight-{os.getpid()}-{os.urandom(8).hex()}" if sys.platform == "linux" else None
        self.listener = Listener(name, "AF_UNIX", backlog=128, authkey=process.current_process().authkey)
        self.address = self.listener.address
        self.offered: dict[int, int] = {}
        self.count = itertools.count()
        threading.Thread(target=self._accept, name="rushlight-sharer", daemon=True).start()

    def offer(self, descriptor: int) -> int:
        number = next(self.count)
        self.offered[number] = os.dup(descriptor)
        return number

    def _accept(self) -> None:
        while True:
            try:
                connection = self.listener.accept()
            except Exception:  # somebody without the key, or who went away
                if self.listener._listener is None:  # type: ignore[attr-defined]
                    return
                continue
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: Connection) -> None:
        with connection, _socket(connection) as line:
            try:
                while request := line.recv(_ID.size, socket.MSG_WAITALL):
                    descriptor = self.offered.pop(_ID.unpack(request)[0], None)
                    if descriptor is None:
                        line.sendall(b"n")
                        continue
                    try:
                        socket.send_fds(line, [b"y"], [descriptor])
                    finally:
                        os.close(descriptor)
            except (OSError, struct.error):
                pass  # the other side has gone away


def _socket(connection: Any) -> socket.socket:
    return socket.socket(fileno=os.dup(connection.fileno()))


_lock = threading.Lock()
_server: _Server | None = None
_lines: OrderedDict[Any, socket.socket] = OrderedDict()


def offer(descriptor: int) -> tuple[Any, int]:
    """Lets one other process fetch this descriptor. Gives what `fetch` needs there."""
    global _server
    with _lock:
        if _server is None:
            _server = _Server()
        return _server.address, _server.offer(descriptor)


def fetch(address: Any, number: int) -> int:
    """The descriptor that was offered. Raises OSError or EOFError if its process is gone, LookupError if it was fetched."""
    with _lock:
        line = _lines.get(address)
        if line is None:
            with Client(address, authkey=process.current_process().authkey) as connection:
                line = _lines[address] = _socket(connection)
            if len(_lines) > _MOST:
                _lines.popitem(last=False)[1].close()
        try:
            line.sendall(_ID.pack(number))
            answer, descriptors, _, _ = socket.recv_fds(line, 1, 1)
            if not answer:
                raise EOFError("the connection has ended")
        except BaseException:
            del _lines[address]  # out of step
            line.close()
            raise
        _lines.move_to_end(address)
        if not descriptors:
            raise LookupError(f"descriptor {number} has been fetched already")
        return descriptors[0]


def _forget() -> None:
    """In a forked child: what its parent offers and fetches is not its own."""
    global _lock, _server
    _lock = threading.Lock()
    if _server is not None:
        listener = _server.listener._listener  # type: ignore[attr-defined]
        if listener is not None:
            listener._unlink and listener._unlink.cancel()
            listener._socket.close()
        for descriptor in _server.offered.values():
            os.close(descriptor)
        _server = None
    _hang_up()


@atexit.register
def _hang_up() -> None:
    for line in _lines.values():
        line.close()
    _lines.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
