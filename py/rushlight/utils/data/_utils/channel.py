"""What a DataLoader and one of its workers send each other: small frames over a socket, and tensors in shared memory.

A worker collates into segments of shared memory, and names the segment in its frame; a segment goes back to the worker when
the last tensor in it is gone in the main process. In the steady state no descriptor is sent, nothing is mapped, and no thread
pickles in the background.
"""

from __future__ import annotations

import copyreg
import io
import os
import pickle
import socket
import struct
from collections import deque
from multiprocessing.reduction import ForkingPickler
from typing import Any, NamedTuple

import rushlight as torch
from rushlight._rushlight import _Lease, _Segment

__all__ = ["BATCH", "Channel", "ERROR", "Frame", "Inbox", "Outbox", "REQUEST", "RESUME", "STOP"]

# kinds of frames: what is asked for (number: which batch), and to begin anew …
REQUEST, RESUME = 1, 2
# … and the answers. SEGMENT: a new one, with its descriptor; DROP: forget it.
BATCH, ERROR, STOP, SEGMENT, DROP = 10, 11, 12, 13, 14
# The payload is not in the frame but in memory whose descriptor comes with it.
_APART = 0x80

# Frames fit into the buffers of a socket many times, so that writing never waits for the other side.
_INLINE = 4096
_BUFFER = 1 << 19
_HEAD = struct.Struct("<IBqi")
_SIZE = struct.Struct("<Q")
_CLOEXEC = getattr(socket, "MSG_CMSG_CLOEXEC", 0)


class Frame(NamedTuple):
    """One message."""

    kind: int
    number: int
    segment: int
    payload: Any


class Channel:
    """One end of the line."""

    def __init__(self, end: socket.socket) -> None:
        self.socket = end
        self._bytes = bytearray()
        self._descriptors: deque[int] = deque()
        self._frames: deque[Frame] = deque()

    @staticmethod
    def check() -> None:
        """Raises NotImplementedError where there are no such lines."""
        if not hasattr(socket, "AF_UNIX") or not hasattr(socket.socket, "sendmsg"):
            raise NotImplementedError(
                "DataLoader: worker processes need sockets that pass memory on, which this system does not have; give "
                "num_workers=0, which loads in this process"
            )

    @staticmethod
    def pair() -> tuple[Channel, socket.socket]:
        """A channel, and the socket of its other end."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        for end in (ours, theirs):
            for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
                end.setsockopt(socket.SOL_SOCKET, option, _BUFFER)
        return Channel(ours), theirs

    def send(self, kind: int, number: int = 0, segment: int = -1, payload: Any = b"", descriptor: int | None = None) -> None:
        """Sends a frame. Raises OSError if nobody listens any more."""
        if len(payload) > _INLINE:
            memory, descriptor = _Segment.create(len(payload))
            memory.write(0, payload)
            kind, payload = kind | _APART, _SIZE.pack(len(payload))
            try:
                self.send(kind, number, segment, payload, descriptor)
            finally:
                os.close(descriptor)
            return
        data = _HEAD.pack(len(payload), kind, number, segment) + payload
        if descriptor is None:
            self.socket.sendall(data)
        else:
            sent = socket.send_fds(self.socket, [data], [descriptor])
            if sent < len(data):
                self.socket.sendall(data[sent:])

    def receive(self) -> Frame | None:
        """The next frame, waiting for it; None if there will be none."""
        while not self._frames:
            if not self.read():
                return None
        return self._frames.popleft()

    def ready(self) -> Frame | None:
        """A frame that has been read already."""
        return self._frames.popleft() if self._frames else None

    def read(self) -> bool:
        """Reads what has come, at least something. False at the end."""
        try:
            data, extra, _, _ = self.socket.recvmsg(1 << 16, 512, _CLOEXEC)
        except (ConnectionResetError, BrokenPipeError):
            return False
        for level, kind, content in extra:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                self._descriptors.extend(struct.unpack(f"{len(content) // 4}i", content[: len(content) // 4 * 4]))
        if not data:
            return False
        if self._bytes:
            self._bytes += data
            data = bytes(self._bytes)
        at, end = 0, len(data)
        while end - at >= _HEAD.size:
            length, kind, number, segment = _HEAD.unpack_from(data, at)
            if end - at < _HEAD.size + length:
                break
            payload: Any = data[at + _HEAD.size : at + _HEAD.size + length]
            at += _HEAD.size + length
            if kind & _APART:
                kind &= ~_APART
                (size,) = _SIZE.unpack(payload)
                payload = _Segment.open(self._descriptors.popleft(), size).lend().read(0, size)
            elif kind == SEGMENT:
                (size,) = _SIZE.unpack(payload)
                payload = _Segment.open(self._descriptors.popleft(), size)
            self._frames.append(Frame(kind, number, segment, payload))
        self._bytes = bytearray(data[at:]) if at < end else bytearray()
        return True

    def close(self) -> None:
        """Ends the connection for both sides, also where a forked process has copies of the socket."""
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()
        while self._descriptors:
            os.close(self._descriptors.popleft())


def _take(*place: Any) -> Any:
    """Stands in a pickled batch for `_Lease.tensor`; `_BatchUnpickler` knows of which lease."""
    raise pickle.UnpicklingError("a batch of a DataLoader's worker can only be unpickled by its DataLoader")


def _with_grad(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.requires_grad_(True)


class _BatchPickler(pickle.Pickler):
    """Puts tensors into the segment of an outbox, and everything else into the stream."""

    def __init__(self, file: io.BytesIO, outbox: Outbox) -> None:
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        table = outbox.table
        if len(copyreg.dispatch_table) != outbox.known:
            outbox.known = len(copyreg.dispatch_table)
            table.update(copyreg.dispatch_table)
            table.update(ForkingPickler._extra_reducers)  # type: ignore[attr-defined]
            table.pop(torch.nn.Parameter, None)
            table[torch.Tensor] = outbox.put
        self.dispatch_table = table


class _BatchUnpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, lease: _Lease) -> None:
        super().__init__(file)
        self.lease = lease

    def find_class(self, module: str, name: str) -> Any:
        if name == "_take" and module == __name__:
            return self.lease.tensor
        return super().find_class(module, name)


class Outbox:
    """The worker's side: segments that it fills, one batch after the other."""

    # Segments that the main process keeps are forgotten beyond so many; it keeps their memory.
    MOST = 32

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.segments: deque[tuple[int, _Segment]] = deque()
        self.count = 0
        self.table: dict[type, Any] = {}
        self.known = -1
        # bytes that the last batches needed, rounded up
        self.expected = 0
        self.current: tuple[int, _Segment] | None = None
        self.at = 0
        # what pickling the batch has found: whether it has tensors, and whether they are all in the segment
        self.used = False
        self.fits = True

    def _segment(self, room: int) -> tuple[int, _Segment]:
        """A segment with so much room, which nobody uses."""
        room = max(1 << 16, 1 << (room - 1).bit_length())  # what is not used of it takes no memory
        for _ in range(len(self.segments)):
            entry = self.segments[0]
            number, segment = entry
            if segment.room >= room and segment.take():
                self.segments.rotate(-1)
                return entry
            if segment.retired or (segment.room < room and segment.take()) or len(self.segments) > self.MOST:
                self.channel.send(DROP, segment=number)
                self.segments.popleft()
            else:
                self.segments.rotate(-1)
        segment, descriptor = _Segment.create(room)
        try:
            segment.take()
            number = self.count
            self.count += 1
            self.channel.send(SEGMENT, segment=number, payload=_SIZE.pack(room), descriptor=descriptor)
        finally:
            os.close(descriptor)
        self.segments.append((number, segment))
        return number, segment

    def begin(self) -> None:
        """Before a batch is fetched."""
        self.at = 0
        if self.current is None and self.expected:
            self.current = self._segment(self.expected)

    def room(self, dtype: torch.dtype, size: tuple[int, ...]) -> torch.Tensor | None:
        """An uninitialised tensor in shared memory, if there is room for it."""
        if self.current is None:
            return None
        tensor = self.current[1].empty(self.at, dtype, size)
        if tensor is not None:
            self.at, _, _ = self.current[1].put(tensor, self.at)
        return tensor

    def put(self, tensor: torch.Tensor) -> tuple:
        """How a batch's pickler takes a tensor apart."""
        if tensor.requires_grad and not tensor.is_leaf:
            raise RuntimeError(
                "Cowardly refusing to serialize non-leaf tensor which requires_grad, since autograd does not support crossing "
                "process boundaries: the worker of a DataLoader should give detached tensors"
            )
        if tensor.device.type != "cpu":
            raise RuntimeError(
                f"the batch of a DataLoader's worker holds a tensor on the device {tensor.device}; give CPU tensors, and move "
                "them in the main process"
            )
        self.used = True
        if self.current is None:
            self.fits = False
            self.at = (self.at + 63) // 64 * 64 + tensor.numel() * tensor.element_size()
            return (_take, ())
        self.at, fits, place = self.current[1].put(tensor, self.at)
        self.fits &= fits
        if tensor.requires_grad:
            return (_with_grad, (_Leaf(place),))
        return (_take, place)

    def send(self, number: int, batch: Any) -> None:
        """Sends the batch of this number. Raises what pickling raises; then nothing was sent."""
        payload = self._pickled(batch)
        if not self.fits:
            old, self.current = self.current, self._segment(self.at)
            self.expected = max(self.expected, self.at)
            self.at = 0
            payload = self._pickled(batch)  # also what the old segment held is in the new one now
            if old is not None:
                old[1].give_back()
        if not self.used or self.current is None:
            self.channel.send(BATCH, number, -1, payload)
            return  # without tensors; the segment is kept for the next batch
        # not known before the first batch: then the next ones are collated where they are sent from
        self.expected = max(self.expected, self.at)
        segment, self.current = self.current[0], None
        self.channel.send(BATCH, number, segment, payload)

    def _pickled(self, batch: Any) -> bytes:
        self.used, self.fits = False, True
        file = io.BytesIO()
        _BatchPickler(file, self).dump(batch)
        return file.getvalue()


class _Leaf:
    """A tensor's place inside of another reduction."""

    def __init__(self, place: tuple) -> None:
        self.place = place

    def __reduce__(self) -> tuple:
        return _take, self.place


class Inbox:
    """The main process's side: looks into the segments of one worker."""

    def __init__(self) -> None:
        self.segments: dict[int, _Segment] = {}

    def note(self, frame: Frame) -> bool:
        """Whether this frame was about segments, and is done with."""
        if frame.kind == SEGMENT:
            self.segments[frame.segment] = frame.payload
        elif frame.kind == DROP:
            self.segments.pop(frame.segment, None)
        else:
            return False
        return True

    def discard(self, frame: Frame) -> None:
        """Gives back the segment of a batch that nobody wants."""
        if frame.segment >= 0:
            self.segments[frame.segment].lend()

    def open(self, frame: Frame) -> Any:
        """The batch of a frame, without a copy of its tensors."""
        if frame.segment < 0:
            return pickle.loads(frame.payload)
        return _BatchUnpickler(io.BytesIO(frame.payload), self.segments[frame.segment].lend()).load()
