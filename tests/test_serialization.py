"""`save` and `load`: both formats, PyTorch's own files, sharing, safety, and files that are cut off, damaged or
hostile.
"""

from __future__ import annotations

import errno
import io
import os
import pickle
import random
import struct
import sys
import zipfile
from collections import Counter, OrderedDict, defaultdict
from pathlib import Path

import pytest

import rushlight as torch
from rushlight import serialization

DATA = Path(__file__).parent / "data"


def equal(a, b):
    assert type(a) is type(b)
    if isinstance(a, torch.Tensor):
        assert (a.dtype, a.shape, a.stride(), a.requires_grad) == (b.dtype, b.shape, b.stride(), b.requires_grad)
        assert a.tolist() == b.tolist()
    elif isinstance(a, dict):
        assert list(a) == list(b)
        for key in a:
            equal(a[key], b[key])
    elif isinstance(a, (list, tuple)):
        assert len(a) == len(b)
        for x, y in zip(a, b):
            equal(x, y)
    else:
        assert a == b


def content():
    base = torch.arange(12.0).view(3, 4)
    return {
        "base": base,
        "view": base.t()[1:3],
        "half": torch.tensor([1.5, -2.0]).to(torch.float16),
        "bf": torch.tensor([1.5, -2.0]).to(torch.bfloat16),
        "bytes": torch.tensor([1, 2], dtype=torch.uint8),
        "flags": torch.tensor([True, False]),
        "complex": torch.tensor([1 + 2j]),
        "scalar": torch.tensor(2.5, dtype=torch.float64),
        "empty": torch.empty(0, 3),
        "param": torch.nn.Parameter(torch.ones(2)),
        "size": torch.Size([2, 3]),
        "dtype": torch.int32,
        "device": torch.device("cpu"),
        "plain": [
            1,
            2.5,
            "é",
            None,
            True,
            b"bytes",
            1 + 2j,
            {1, 2},
            -(2**70),
            (1, (2,)),
            bytearray(b"xy"),
            frozenset([3]),
        ],
        "ordered": OrderedDict(b=1, a=2),
        "counter": Counter("aab"),
        "long": list(range(3000)),
    }


def saved(obj, **options) -> io.BytesIO:
    buffer = io.BytesIO()
    torch.save(obj, buffer, **options)
    buffer.seek(0)
    return buffer


# ---- files that PyTorch wrote


@pytest.mark.parametrize("name", ["pytorch_zip.pt", "pytorch_legacy.pt"])
@pytest.mark.parametrize("weights_only", [True, False])
def test_reads_what_pytorch_wrote(name, weights_only):
    loaded = torch.load(DATA / name, weights_only=weights_only)
    assert list(loaded["model"])[:3] == ["0.weight", "0.bias", "1.weight"]
    assert loaded["model"]["0.weight"].shape == (4, 3) and loaded["model"]["1.num_batches_tracked"].item() == 2
    assert loaded["base"].tolist() == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]
    assert loaded["view"].tolist() == [[1, 5, 9], [2, 6, 10]] and loaded["view"].stride() == (1, 4)
    loaded["base"][0, 1] = 100
    assert loaded["view"][0, 0].item() == 100
    for key, dtype, values in (
        ("half", torch.float16, [1.5, -2]),
        ("bf", torch.bfloat16, [1.5, -2]),
        ("i8", torch.int8, [-1, 2]),
        ("flag", torch.bool, [True, False]),
        ("c", torch.complex64, [1 + 2j]),
        ("d", torch.float64, 2.5),
        ("empty", torch.float32, []),
    ):
        assert loaded[key].dtype == dtype and loaded[key].tolist() == values
    assert loaded["empty"].shape == (0, 3)
    assert isinstance(loaded["param"], torch.nn.Parameter) and loaded["param"].requires_grad
    assert (
        loaded["size"] == torch.Size([2, 3])
        and loaded["dtype"] is torch.int32
        and loaded["device"] == torch.device("cpu")
    )
    assert (loaded["epoch"], loaded["loss"], loaded["name"], loaded["none"]) == (3, [0.5, 0.25], "é", None)
    assert isinstance(loaded["od"], OrderedDict)


def test_goes_on_from_a_pytorch_checkpoint():
    loaded = torch.load(DATA / "pytorch_zip.pt")
    nn = torch.nn
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    model.load_state_dict(loaded["model"])
    optimizer = torch.optim.AdamW(model.parameters(), lr=1.0)
    optimizer.load_state_dict(loaded["optimizer"])
    assert optimizer.param_groups[0]["lr"] == 0.01
    assert optimizer.state[model[0].weight]["step"].item() == 2


def test_writes_pytorch_names():
    with zipfile.ZipFile(saved(content())) as archive:
        names = archive.namelist()
        body = archive.read("archive/data.pkl")
        assert archive.testzip() is None
        for info in archive.infolist():
            assert info.compress_type == zipfile.ZIP_STORED
    assert {"archive/data.pkl", "archive/byteorder", "archive/version", "archive/data/0"} <= set(names)
    for name in (
        b"ctorch._utils\n_rebuild_tensor_v2\n",
        b"ctorch\nFloatStorage\n",
        b"ctorch\nBFloat16Storage\n",
        b"ctorch\nint32\n",
        b"ctorch\nSize\n",
    ):
        assert name in body
    assert b"rushlight" not in body


def test_entries_are_aligned():
    buffer = saved(content())
    raw = buffer.getvalue()
    with zipfile.ZipFile(buffer) as archive:
        for info in archive.infolist():
            name, extra = struct.unpack("<2H", raw[info.header_offset + 26 : info.header_offset + 30])
            assert (info.header_offset + 30 + name + extra) % 64 == 0


# ---- round trips


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("as_zip", [True, False])
@pytest.mark.parametrize("weights_only", [True, False])
def test_round_trip(protocol, as_zip, weights_only):
    original = content()
    loaded = torch.load(
        saved(original, pickle_protocol=protocol, _use_new_zipfile_serialization=as_zip), weights_only=weights_only
    )
    equal(original, loaded)
    assert loaded["base"].untyped_storage().data_ptr() == loaded["view"].untyped_storage().data_ptr()


def test_paths_and_mapping(tmp_path):
    original = content()
    torch.save(original, tmp_path / "a.pt")
    torch.save(original, str(tmp_path / "b.pt"))
    for options in ({}, {"mmap": True}):
        equal(original, torch.load(tmp_path / "a.pt", **options))
    mapped = torch.load(str(tmp_path / "b.pt"), mmap=True)
    mapped["base"].fill_(7)
    assert mapped["view"].flatten().tolist() == [7] * 6
    equal(original, torch.load(tmp_path / "b.pt"))
    with pytest.raises(ValueError, match="file path"):
        torch.load(saved(1), mmap=True)


def test_file_objects_that_do_not_begin_at_zero():
    for as_zip in (True, False):
        buffer = io.BytesIO()
        buffer.write(b"head")
        torch.save({"x": torch.ones(3)}, buffer, _use_new_zipfile_serialization=as_zip)
        buffer.seek(4)
        assert torch.load(buffer)["x"].tolist() == [1, 1, 1]


def test_modules_and_optimizers(tmp_path):
    model = torch.nn.Linear(2, 3)
    torch.save(model, tmp_path / "model.pt")
    with pytest.raises(pickle.UnpicklingError, match="Linear"):
        torch.load(tmp_path / "model.pt")
    again = torch.load(tmp_path / "model.pt", weights_only=False)
    assert again.weight.tolist() == model.weight.tolist() and isinstance(again.weight, torch.nn.Parameter)


def test_a_view_saves_its_storage_once():
    base = torch.zeros(1000)
    one, many = len(saved([base]).getvalue()), len(saved([base[i:] for i in range(10)]).getvalue())
    assert many < one + 2000


def test_same_memory_as_two_types_is_refused():
    x = torch.zeros(4)
    with pytest.raises(RuntimeError, match="different types"):
        saved([x, x.view(torch.int32)])


def test_requires_grad_and_attributes():
    x = torch.ones(2, requires_grad=True)
    y = torch.zeros(1)
    y.label = "mark"
    for weights_only in (True, False):
        loaded = torch.load(saved([x, y]), weights_only=weights_only)
        assert loaded[0].requires_grad and loaded[1].label == "mark"
    computed = torch.load(saved(x * 2))
    assert computed.requires_grad and computed.is_leaf and computed.tolist() == [2, 2]


def test_byte_order():
    buffer = saved(
        {"f": torch.tensor([1.0, 2.0]), "z": torch.tensor([1 + 2j]), "i": torch.tensor([258], dtype=torch.int16)}
    )
    turned = io.BytesIO()
    other = "big" if sys.byteorder == "little" else "little"
    sizes = {"0": 4, "1": 4, "2": 2}
    with zipfile.ZipFile(buffer) as old, zipfile.ZipFile(turned, "w") as new:
        for name in old.namelist():
            raw = old.read(name)
            if name.endswith("byteorder"):
                raw = other.encode()
            elif "/data/" in name:
                size = sizes[name.rpartition("/")[2]]
                raw = b"".join(raw[n : n + size][::-1] for n in range(0, len(raw), size))
            new.writestr(name, raw)
    turned.seek(0)
    loaded = torch.load(turned)
    assert loaded["f"].tolist() == [1, 2] and loaded["z"].tolist() == [1 + 2j] and loaded["i"].tolist() == [258]


# ---- map_location


def test_map_location():
    buffer = saved(torch.ones(2))
    body = buffer.getvalue().replace(b"X\x03\x00\x00\x00cpu", b"X\x06\x00\x00\x00cuda:0")
    assert body != buffer.getvalue()
    # the pickle has grown by three bytes: write the archive anew
    moved = io.BytesIO()
    with zipfile.ZipFile(buffer) as old, zipfile.ZipFile(moved, "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name).replace(b"X\x03\x00\x00\x00cpu", b"X\x06\x00\x00\x00cuda:0"))
    seen = []

    def function(storage, location):
        seen.append((storage.nbytes(), location))
        return storage

    for where in ("cpu", torch.device("cpu"), {"cuda:0": "cpu"}, function):
        moved.seek(0)
        assert torch.load(moved, map_location=where).tolist() == [1, 1]
    assert seen == [(8, "cuda:0")]
    moved.seek(0)
    with pytest.raises(RuntimeError, match=r"map_location=torch.device\('cpu'\)"):
        torch.load(moved)
    with pytest.raises(TypeError, match="map_location"):
        torch.load(saved(1), map_location=3.5)


# ---- what may be built


class Config:
    def __init__(self, n):
        self.n = n


def test_only_data_by_default():
    buffer = saved({"config": Config(3)})
    with pytest.raises(pickle.UnpicklingError, match=r"Config.*add_safe_globals"):
        torch.load(buffer)
    buffer.seek(0)
    assert [name.rpartition(".")[2] for name in serialization.get_unsafe_globals_in_checkpoint(buffer)] == ["Config"]
    with serialization.safe_globals([Config]):
        buffer.seek(0)
        assert torch.load(buffer)["config"].n == 3
    buffer.seek(0)
    with pytest.raises(pickle.UnpicklingError):
        torch.load(buffer)
    serialization.add_safe_globals([Config])
    try:
        assert serialization.get_safe_globals() == [Config]
        buffer.seek(0)
        assert torch.load(buffer)["config"].n == 3
    finally:
        serialization.clear_safe_globals()
    buffer.seek(0)
    assert torch.load(buffer, weights_only=False)["config"].n == 3


class Evil:
    def __reduce__(self):
        return os.system, ("touch /tmp/rushlight-was-here",)


@pytest.mark.parametrize("as_zip", [True, False])
def test_no_code_runs(as_zip):
    with pytest.raises(pickle.UnpicklingError, match="system"):
        torch.load(saved(Evil(), _use_new_zipfile_serialization=as_zip))
    with pytest.raises(pickle.UnpicklingError):
        torch.load(saved([defaultdict(Evil)], _use_new_zipfile_serialization=as_zip))


def archive_of(body: bytes, storages: dict[str, bytes] | None = None) -> io.BytesIO:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a/data.pkl", body)
        archive.writestr("a/version", "3\n")
        for key, data in (storages or {}).items():
            archive.writestr(f"a/data/{key}", data)
    buffer.seek(0)
    return buffer


def tensor_pickle(numel=4, offset=0, size=(4,), stride=(1,), key="0") -> bytes:
    out = pickle.PROTO + b"\x02" + b"ctorch._utils\n_rebuild_tensor_v2\n("
    out += b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\n" + pickle.dumps(key, 2)[2:-1].partition(b"q")[0]
    out += b"X\x03\x00\x00\x00cpu" + pickle.dumps(numel, 2)[2:-1] + b"tQ"
    out += pickle.dumps(offset, 2)[2:-1]
    for numbers in (size, stride):
        out += b"(" + b"".join(pickle.dumps(n, 2)[2:-1] for n in numbers) + b"t"
    return out + b"\x89N" + b"tR."


def test_handmade_tensor_is_read():
    assert torch.load(archive_of(tensor_pickle(), {"0": struct.pack("<4f", 1, 2, 3, 4)})).tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize(
    "options",
    [
        {"numel": 2**60},
        {"numel": -1},
        {"numel": 5},
        {"size": (5,)},
        {"size": (2**40, 2**40)},
        {"size": (-1,)},
        {"offset": 1},
        {"offset": -1},
        {"stride": (2,)},
        {"stride": (-1,)},
        {"size": (2, 2)},
        {"key": "../1"},
    ],
)
def test_tensors_beyond_their_storage(options):
    with pytest.raises((RuntimeError, pickle.UnpicklingError)):
        torch.load(archive_of(tensor_pickle(**options), {"0": bytes(16)}))


@pytest.mark.parametrize(
    "body",
    [
        b"\x80\x02X\xff\xff\xff\xffabc.",
        b"\x80\x02\x8d\xff\xff\xff\xff\xff\xff\xff\x7fabc.",
        b"\x80\x02cbuiltins\nbytearray\n\x8a\x06\x00\x00\x00\x00\x00\x10\x85R.",
        b"\x80\x02K\x01r\xff\xff\xff\xff.",
        b"\x80\x02cbuiltins\neval\nX\x01\x00\x00\x001\x85R.",
        b"\x80\x02c__builtin__\nexec\nX\x01\x00\x00\x001\x85R.",
        b"\x80\x02ctorch\nFloatStorage\n\x8a\x06\x00\x00\x00\x00\x00\x10\x85R.",
        b"\x80\x02ctorch.storage\nUntypedStorage\n\x8a\x06\x00\x00\x00\x00\x00\x10\x85R.",
        b"\x80\x02ctorch.storage\n_load_from_bytes\nC\x01a\x85R.",
        b"\x80\x02ctorch._utils\n_rebuild_parameter\n}(X\x01\x00\x00\x00aK\x01ub.",
        b"\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00aX\x04\x00\x00\x00zlib\x86R.",
        b"\x80\x02i os\nsystem\n.",
        b"\x80\x09.",
        b"\x80\x02.",
        b"\x80\x02(",
        b"",
        b"\x80\x02\x82\x01.",
        b"\x80\x02]K\x01Q.",
        b"\x80\x02K\x01K\x01a.",
        b"\x80\x02" + b"(" * 100000 + b".",
    ],
)
def test_hostile_pickles(body):
    before = torch.load(archive_of(b"\x80\x02K\x07."))
    with pytest.raises((RuntimeError, pickle.UnpicklingError)):
        result = torch.load(archive_of(body))
        # reading a memo's number is no error in itself
        assert result == 1 and before == 7
        raise RuntimeError("harmless")


def test_no_compressed_entries():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/data.pkl", tensor_pickle(numel=1 << 20, size=(1 << 20,)))
        archive.writestr("a/data/0", bytes(4 << 20))
    buffer.seek(0)
    with pytest.raises(RuntimeError, match="compressed"):
        torch.load(buffer)


@pytest.mark.parametrize("name", ["pytorch_zip.pt", "pytorch_legacy.pt"])
def test_cut_off_files(name):
    raw = (DATA / name).read_bytes()
    for length in [0, 1, 2, 3, 4, 10, *range(50, len(raw), max(1, len(raw) // 60)), len(raw) - 1]:
        with pytest.raises((RuntimeError, pickle.UnpicklingError)):
            torch.load(io.BytesIO(raw[:length]))


@pytest.mark.parametrize("name", ["pytorch_zip.pt", "pytorch_legacy.pt"])
def test_damaged_files(name):
    raw = (DATA / name).read_bytes()
    chance = random.Random(0)
    for _ in range(150):
        damaged = bytearray(raw)
        for _ in range(chance.choice((1, 3, 10))):
            damaged[chance.randrange(len(raw))] = chance.randrange(256)
        try:
            torch.load(io.BytesIO(bytes(damaged)))
        except (RuntimeError, pickle.UnpicklingError):
            pass


def test_damage_in_a_tensor_is_noticed():
    buffer = saved(torch.arange(1000.0))
    raw = bytearray(buffer.getvalue())
    at = raw.index(struct.pack("<f", 500.0))
    raw[at] ^= 1
    with pytest.raises(RuntimeError, match="checksum"):
        torch.load(io.BytesIO(bytes(raw)))


def test_other_files():
    for raw in (b"hello world, this is not a checkpoint", b"PK\3\4" + bytes(100), bytes(1000)):
        with pytest.raises((RuntimeError, pickle.UnpicklingError)):
            torch.load(io.BytesIO(raw))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a/data.pkl", b"\x80\x02K\x01.")
        archive.writestr("a/constants.pkl", b"")
    buffer.seek(0)
    with pytest.raises(RuntimeError, match="TorchScript"):
        torch.load(buffer)
    with pytest.raises(FileNotFoundError):
        torch.load("/nowhere/model.pt")
    with pytest.raises(AttributeError, match="read"):
        torch.load(3)
    with pytest.raises(AttributeError, match="write"):
        torch.save(1, 3)
    with pytest.raises(TypeError, match="binary"):
        torch.load(io.StringIO("text"))


# ---- the old file stays until the new one is complete


class Full(io.RawIOBase):
    """A disk with room for some bytes only."""

    def __init__(self, real, room):
        self.real, self.room = real, room

    def writable(self):
        return True

    def write(self, data):
        self.room -= len(data)
        if self.room < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return self.real.write(data)

    def fileno(self):
        return self.real.fileno()

    def close(self):
        self.real.close()


def test_full_disk(tmp_path, monkeypatch):
    path = tmp_path / "model.pt"
    torch.save({"x": torch.ones(3)}, path)
    old = path.read_bytes()
    real_open = open
    for room in (0, 100, 5000):
        monkeypatch.setattr(
            "builtins.open",
            lambda file, *a, _room=room, **k: (
                Full(real_open(file, *a, **k), _room) if isinstance(file, int) else real_open(file, *a, **k)
            ),
        )
        with pytest.raises(OSError, match="No space"):
            torch.save({"x": torch.zeros(5000)}, path)
        monkeypatch.undo()
        assert path.read_bytes() == old and os.listdir(tmp_path) == ["model.pt"]
    assert torch.load(path)["x"].tolist() == [1, 1, 1]


def test_what_cannot_be_pickled_leaves_the_old_file(tmp_path):
    path = tmp_path / "model.pt"
    torch.save(1, path)
    with pytest.raises((pickle.PicklingError, AttributeError, TypeError)):
        torch.save([torch.ones(2), lambda: None], path)
    assert torch.load(path) == 1 and os.listdir(tmp_path) == ["model.pt"]


@pytest.mark.skipif(os.name != "posix", reason="permissions and links of POSIX")
def test_keeps_mode_and_links(tmp_path):
    path, link = tmp_path / "model.pt", tmp_path / "latest.pt"
    torch.save(1, path)
    path.chmod(0o640)
    link.symlink_to(path)
    torch.save(2, link)
    assert link.is_symlink() and torch.load(path) == 2 and path.stat().st_mode & 0o777 == 0o640
    with pytest.raises(RuntimeError, match="does not exist"):
        torch.save(1, tmp_path / "nowhere" / "model.pt")
    with pytest.raises(IsADirectoryError):
        torch.save(1, tmp_path)


# ---- pickle and storages


def test_pickle():
    x = torch.arange(6.0).view(2, 3)
    for protocol in range(2, 6):
        for t in (x, x.t(), torch.nn.Parameter(x), torch.tensor(3), torch.empty(0)):
            equal(t, pickle.loads(pickle.dumps(t, protocol)))
    assert pickle.loads(pickle.dumps(torch.float16)) is torch.float16
    assert pickle.loads(pickle.dumps(torch.device("cpu"))) == torch.device("cpu")


def test_typed_storages():
    storage = torch.FloatStorage([1.0, 2.0, 3.0])
    assert (
        len(storage) == 3
        and storage.nbytes() == 12
        and storage.dtype == torch.float32
        and storage.tolist() == [1, 2, 3]
    )
    storage[1] = 7.0
    assert storage[1] == 7.0 and list(storage) == [1, 7, 3]
    copy = storage.clone().fill_(2.0)
    assert copy.tolist() == [2, 2, 2] and storage.tolist() == [1, 7, 3]
    assert storage.double().dtype == torch.float64 and storage.type() == "torch.FloatStorage"
    assert pickle.loads(pickle.dumps(storage, 5)).tolist() == [1, 7, 3]
    with pytest.raises(RuntimeError, match="slices"):
        storage[0:1]
    with pytest.raises(RuntimeError, match="negative"):
        torch.LongStorage(-1)
    assert torch.load(saved(storage)).tolist() == [1, 7, 3]
