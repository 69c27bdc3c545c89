"""The zip container of `.pt` files: entries stored uncompressed, their data aligned to 64 bytes.

Own code instead of `zipfile`: data is written from and read into tensors' memory without a copy, can be mapped, and
every size in a
file is checked against the file before it is believed.
"""

from __future__ import annotations

import os
import struct
import zlib
from typing import Any, BinaryIO, NamedTuple

_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_END64 = struct.Struct("<4sQ2H2I4Q")
_LOCATOR64 = struct.Struct("<4sIQI")
_ALIGN = 64
_MAX32, _MAX16 = 0xFFFFFFFF, 0xFFFF
_DATE = 33  # 1980-01-01: files do not depend on the clock


class BadContainer(RuntimeError):
    """The file is not a sound archive."""


class Writer:
    """Writes entries one after the other to `file`, which needs only `write`."""

    def __init__(self, file: Any, prefix: str) -> None:
        self._file = file
        self._prefix = prefix
        self._at = 0
        self._entries: list[tuple[bytes, int, int, int]] = []

    def _write(self, data: Any) -> None:
        size = data.nbytes if isinstance(data, memoryview) else len(data)
        written = self._file.write(data)
        # a raw file may take less than it is given
        while written is not None and written < size:
            data, size = memoryview(data)[written:], size - written
            self._at += written
            written = self._file.write(data)
        self._at += size

    def add(self, name: str, data: Any) -> None:
        """Adds an entry with the bytes of `data` (anything with the buffer protocol)."""
        data = memoryview(data).cast("B")
        encoded, size, crc, start = f"{self._prefix}/{name}".encode(), data.nbytes, zlib.crc32(data), self._at
        extra = struct.pack("<2H2Q", 1, 16, size, size) if size >= _MAX32 else b""
        head = start + _LOCAL.size + len(encoded) + len(extra) + 4
        pad = -head % _ALIGN
        extra += struct.pack("<2s H", b"FB", pad) + b"Z" * pad
        small = min(size, _MAX32)
        flags = 0 if encoded.isascii() else 0x800
        self._write(
            _LOCAL.pack(
                b"PK\3\4", 45 if size >= _MAX32 else 20, flags, 0, 0, _DATE, crc, small, small, len(encoded), len(extra)
            )
        )
        self._write(encoded + extra)
        if size:
            self._write(data)
        self._entries.append((encoded, start, size, crc))

    def close(self) -> None:
        """Writes the directory."""
        begin = self._at
        for encoded, start, size, crc in self._entries:
            big = (
                b"".join(struct.pack("<Q", n) for n in (size, size, start) if n >= _MAX32)
                if max(size, start) >= _MAX32
                else b""
            )
            extra = struct.pack("<2H", 1, len(big)) + big if big else b""
            small = min(size, _MAX32)
            flags = 0 if encoded.isascii() else 0x800
            version = 45 if big else 20
            row = (
                version,
                version,
                flags,
                0,
                0,
                _DATE,
                crc,
                small,
                small,
                len(encoded),
                len(extra),
                0,
                0,
                0,
                0,
                min(start, _MAX32),
            )
            self._write(_CENTRAL.pack(b"PK\1\2", *row) + encoded + extra)
        end, count = self._at, len(self._entries)
        if count >= _MAX16 or end >= _MAX32:
            self._write(_END64.pack(b"PK\6\6", 44, 45, 45, 0, 0, count, count, end - begin, begin))
            self._write(_LOCATOR64.pack(b"PK\6\7", 0, end, 1))
        count = min(count, _MAX16)
        self._write(_END.pack(b"PK\5\6", 0, 0, count, count, min(end - begin, _MAX32), min(begin, _MAX32), 0))


class Entry(NamedTuple):
    """Where the bytes of an entry are."""

    header: int
    size: int
    crc: int


class Reader:
    """Reads the entries of an archive in `file`, which must be seekable.

    Raises:
        BadContainer: for files that are cut off, damaged, or hold compressed entries.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.file_size = file.seek(0, os.SEEK_END)
        self.entries: dict[str, Entry] = {}
        self._read_directory()
        # entries are below one folder, named after the file
        first = next(iter(self.entries), "")
        self.prefix = first.partition("/")[0]

    def _at(self, where: int, size: int) -> bytes:
        if where < 0 or size < 0 or where + size > self.file_size:
            raise BadContainer(
                f"file is cut off or damaged: {size} bytes at {where} are beyond its end ({self.file_size} bytes)"
            )
        self._file.seek(where)
        data = self._file.read(size)
        if len(data) != size:
            raise BadContainer(f"file is cut off: expected {size} bytes at {where}, got {len(data)}")
        return data

    def _read_directory(self) -> None:
        tail_size = min(self.file_size, _END.size + _MAX16)
        tail_at = self.file_size - tail_size
        tail = self._at(tail_at, tail_size)
        found = tail.rfind(b"PK\5\6")
        if found < 0 or len(tail) - found < _END.size:
            raise BadContainer("failed finding central directory: the file is cut off, or not an archive")
        end_at = tail_at + found
        _, _, _, _, count, size, begin, _ = _END.unpack_from(tail, found)
        if end_at >= _LOCATOR64.size:
            locator = self._at(end_at - _LOCATOR64.size, _LOCATOR64.size)
            if locator[:4] == b"PK\6\7":
                end_at = _LOCATOR64.unpack(locator)[2]
                record = _END64.unpack(self._at(end_at, _END64.size))
                if record[0] != b"PK\6\6":
                    raise BadContainer("file is damaged: its 64-bit directory record is not where it should be")
                count, size, begin = record[7:10]
        if begin + size > end_at:
            raise BadContainer("file is damaged: its directory lies beyond its end")
        directory = self._at(begin, size)
        at = 0
        for _ in range(count):
            if at + _CENTRAL.size > size:
                raise BadContainer(f"file is damaged: its directory has fewer than {count} entries")
            row = _CENTRAL.unpack_from(directory, at)
            if row[0] != b"PK\1\2":
                raise BadContainer("file is damaged: bad directory entry")
            method, crc, packed, plain, name_size, extra_size, comment_size, header = row[4], *row[7:13], row[16]
            at += _CENTRAL.size
            name = directory[at : at + name_size].decode(errors="replace")
            extra = directory[at + name_size : at + name_size + extra_size]
            at += name_size + extra_size + comment_size
            packed, plain, header = _wide(extra, packed, plain, header)
            if row[3] & 1:
                raise BadContainer(f"entry {name!r} is encrypted")
            if method != 0 or packed != plain:
                raise BadContainer(f"entry {name!r} is compressed; .pt files hold their entries uncompressed (zip -0)")
            if header + _LOCAL.size + plain > self.file_size:
                raise BadContainer(
                    f"entry {name!r} claims {plain} bytes at {header}, beyond the end of the file ({self.file_size} "
                    "bytes)"
                )
            self.entries[name] = Entry(header, plain, crc)

    def __contains__(self, name: str) -> bool:
        return f"{self.prefix}/{name}" in self.entries

    def _find(self, name: str) -> Entry:
        entry = self.entries.get(f"{self.prefix}/{name}")
        if entry is None:
            raise BadContainer(f"file has no record {name!r}")
        return entry

    def size(self, name: str) -> int:
        """Bytes in an entry."""
        return self._find(name).size

    def offset(self, name: str) -> int:
        """Where an entry's bytes begin in the file."""
        entry = self._find(name)
        header = _LOCAL.unpack(self._at(entry.header, _LOCAL.size))
        if header[0] != b"PK\3\4":
            raise BadContainer(f"file is damaged: entry {name!r} has no header at {entry.header}")
        begin = entry.header + _LOCAL.size + header[9] + header[10]
        if begin + entry.size > self.file_size:
            raise BadContainer(f"file is cut off: entry {name!r} ends beyond its end")
        return begin

    def read(self, name: str) -> bytes:
        """An entry's bytes, checked."""
        data = self._at(self.offset(name), self._find(name).size)
        self._check(name, data)
        return data

    def read_into(self, name: str, target: memoryview) -> None:
        """Reads an entry straight into memory of its size."""
        begin, size = self.offset(name), self._find(name).size
        self._file.seek(begin)
        readinto = getattr(self._file, "readinto", None)
        done = 0
        while done < size:
            if readinto is not None:
                got = readinto(target[done:])
            else:
                chunk = self._file.read(min(size - done, 1 << 24))
                got = len(chunk)
                target[done : done + got] = chunk
            if not got:
                raise BadContainer(f"file is cut off: entry {name!r} has {size} bytes, {done} could be read")
            done += got
        self._check(name, target[:size])

    def _check(self, name: str, data: Any) -> None:
        crc = self._find(name).crc
        if crc and zlib.crc32(data) != crc:
            raise BadContainer(f"file is damaged: checksum of {name!r} does not match")


def _wide(extra: bytes, packed: int, plain: int, header: int) -> tuple[int, int, int]:
    """The 64-bit values of an entry, where the 32-bit ones say that they are elsewhere."""
    at = 0
    while at + 4 <= len(extra):
        kind, size = struct.unpack_from("<2H", extra, at)
        if kind == 1:
            values = iter(struct.unpack_from(f"<{min(size, len(extra) - at - 4) // 8}Q", extra, at + 4))
            try:
                plain = next(values) if plain == _MAX32 else plain
                packed = next(values) if packed == _MAX32 else packed
                header = next(values) if header == _MAX32 else header
            except StopIteration:
                raise BadContainer("file is damaged: 64-bit sizes are missing") from None
        at += 4 + size
    return packed, plain, header
