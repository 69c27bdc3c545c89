"""Event files: read back here by a decoder of their own, and by TensorBoard where it is installed."""

from __future__ import annotations

import struct
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

import rushlight as torch
from rushlight.utils.tensorboard import SummaryWriter
from rushlight.utils.tensorboard._events import _masked_crc


def records(path: Path) -> list[bytes]:
    data, out = path.read_bytes(), []
    while data:
        (length,) = struct.unpack("<Q", data[:8])
        assert struct.unpack("<I", data[8:12])[0] == _masked_crc(data[:8])
        body = data[12 : 12 + length]
        assert struct.unpack("<I", data[12 + length : 16 + length])[0] == _masked_crc(body)
        out.append(body)
        data = data[16 + length :]
    return out


def varint(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = data[at]
        number |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return number, at


def parse(data: bytes) -> dict[int, list]:
    """The fields of a message, by number."""
    fields: dict[int, list] = {}
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = varint(data, at)
        elif kind == 1:
            value, at = struct.unpack("<d", data[at : at + 8])[0], at + 8
        elif kind == 5:
            value, at = struct.unpack("<f", data[at : at + 4])[0], at + 4
        else:
            length, at = varint(data, at)
            value, at = data[at : at + length], at + length
        fields.setdefault(key >> 3, []).append(value)
    return fields


def events(folder: Path) -> list[dict[int, list]]:
    (path,) = folder.glob("events.out.tfevents.*")
    return [parse(r) for r in records(path)]


def values(folder: Path) -> list[tuple[str, int, dict]]:
    """(tag, step, fields of the value) of each value."""
    out = []
    for e in events(folder):
        for summary in e.get(5, []):
            for value in parse(summary)[1]:
                fields = parse(value)
                out.append((fields[1][0].decode(), e.get(2, [0])[0], fields))
    return out


def test_crc_is_castagnoli():
    crc = (_masked_crc(b"123456789") - 0xA282EAD8) & 0xFFFFFFFF
    assert (crc << 15 | crc >> 17) & 0xFFFFFFFF == 0xE3069283


def test_scalars(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        writer.add_scalar("loss", 0.5, 3)
        writer.add_scalar("loss", torch.tensor(0.25, requires_grad=True), 4, walltime=12.5)
        writer.add_scalar("exact", 0.1, 1, new_style=True, double_precision=True)
        with pytest.raises(AssertionError, match="one element"):
            writer.add_scalar("bad", torch.ones(2))
        assert writer.get_logdir() == str(tmp_path)
    first = events(tmp_path)[0]
    assert first[3] == [b"brain.Event:2"]
    assert events(tmp_path)[2][1] == [12.5]
    (a, b, c) = values(tmp_path)
    assert (a[0], a[1], a[2][2]) == ("loss", 3, [0.5]) and (b[1], b[2][2]) == (4, [0.25])
    tensor = parse(c[2][8][0])
    assert tensor[1] == [2] and tensor[6] == [0.1]


def test_scalars_of_one_diagram_go_into_folders(tmp_path):
    writer = SummaryWriter(str(tmp_path))
    writer.add_scalars("run/acc", {"train": 0.5, "test": 0.25}, 7)
    writer.close()
    for name, number in (("train", 0.5), ("test", 0.25)):
        ((tag, step, fields),) = values(tmp_path / f"run_acc_{name}")
        assert (tag, step, fields[2]) == ("run/acc", 7, [number])


def test_histograms(tmp_path):
    torch.manual_seed(0)
    x = torch.randn(1000)
    with SummaryWriter(tmp_path) as writer:
        writer.add_histogram("w", x, 1)
        writer.add_histogram("n", [1.0, 2.0, 2.5, 4.0], 1, bins=3)
        writer.add_histogram("same", torch.full((5,), 2.0))
        with pytest.raises(ValueError, match="no element"):
            writer.add_histogram("none", torch.empty(0))
        with pytest.raises(ValueError, match="bucket"):
            writer.add_histogram_raw("raw", 0, 1, 2, 1, 1, [1.0], [1, 2])
    (_, _, w), (_, _, n), (_, _, same) = values(tmp_path)
    histogram = parse(w[5][0])
    assert histogram[1][0] == x.min().item() and histogram[2][0] == x.max().item() and histogram[3][0] == 1000
    assert abs(histogram[4][0] - x.double().sum().item()) < 1e-9
    doubles = lambda b: struct.unpack(f"<{len(b) // 8}d", b)  # noqa: E731
    limits, counts = doubles(histogram[6][0]), doubles(histogram[7][0])
    assert len(limits) == len(counts) and sum(counts) == 1000
    for k in range(1, len(limits)):
        inside = (x.double() >= limits[k - 1]) & (x.double() < limits[k])
        assert counts[k] == inside.sum().item()
    assert doubles(parse(n[5][0])[7][0]) == (0.0, 1.0, 2.0, 1.0)
    assert sum(doubles(parse(same[5][0])[7][0])) == 5


def png_pixels(data: bytes) -> tuple[int, int, bytes]:
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, body = 8, b""
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        kind, chunk = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        assert struct.unpack(">I", data[at + 8 + length : at + 12 + length])[0] == zlib.crc32(kind + chunk)
        if kind == b"IHDR":
            width, height = struct.unpack(">2I", chunk[:8])
        if kind == b"IDAT":
            body += chunk
        at += 12 + length
    return width, height, zlib.decompress(body)


def test_pictures(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        writer.add_image("chw", torch.tensor([[[0.0, 1.0]], [[0.5, 2.0]], [[-1.0, 0.25]]]))
        writer.add_image("hw", torch.tensor([[0, 7, 255]], dtype=torch.uint8), dataformats="HW")
        writer.add_images("many", torch.stack([torch.zeros(1, 2, 2), torch.ones(1, 2, 2)]))
        writer.add_image_with_boxes("boxes", torch.zeros(3, 4, 4), torch.tensor([[0, 0, 2, 2]]))
        with pytest.raises(AssertionError, match="format are different"):
            writer.add_image("bad", torch.zeros(2, 2))
    chw, hw, many, boxes = (parse(v[2][4][0]) for v in values(tmp_path))
    assert (chw[1], chw[2], chw[3]) == ([1], [2], [3])
    assert png_pixels(chw[4][0]) == (2, 1, bytes([0, 0, 127, 0, 255, 255, 63]))
    assert png_pixels(hw[4][0]) == (3, 1, bytes([0, 0, 7, 255]))
    assert png_pixels(many[4][0]) == (4, 2, bytes([0, 0, 0, 255, 255] * 2))
    assert png_pixels(boxes[4][0])[2].count(255) == 8


def test_text_sound_curves_and_layout(tmp_path):
    with SummaryWriter(tmp_path, purge_step=5) as writer:
        writer.add_text("note", "hällo", 2)
        writer.add_audio("beep", torch.tensor([0.0, 1.0, -1.0]), sample_rate=8000)
        writer.add_pr_curve("pr", torch.tensor([1, 0, 1, 0]), torch.tensor([0.9, 0.8, 0.7, 0.1]), num_thresholds=3)
        writer.add_custom_scalars({"cat": {"title": ["Multiline", ["a", "b"]]}})
        writer.add_tensor("t", torch.tensor([1.0, 2.0]))
    assert events(tmp_path)[1][7] == [b"\x08\x01"] and events(tmp_path)[1][2] == [5]
    text, sound, curve, layout, tensor = (v[2] for v in values(tmp_path))
    assert text[1] == [b"note/text_summary"] and parse(text[8][0])[8] == ["hällo".encode()]
    wave = parse(sound[6][0])
    assert wave[3] == [3] and wave[4][0][:4] == b"RIFF" and wave[4][0][-6:] == struct.pack("<3h", 0, 32767, -32767)
    rows = struct.unpack("<18f", parse(curve[8][0])[4][0])
    assert rows[:3] == (2.0, 2.0, 0.0) and rows[3:6] == (2.0, 1.0, 0.0) and rows[12:14] == (0.5, pytest.approx(2 / 3))
    assert layout[1] == [b"custom_scalars__config__"]
    assert struct.unpack("<2f", parse(tensor[8][0])[4][0]) == (1.0, 2.0)


def test_hyperparameters(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        writer.add_hparams({"lr": 0.1, "name": "adam", "on": True}, {"acc": 0.5}, run_name="run", global_step=3)
        with pytest.raises(TypeError, match="dictionary"):
            writer.add_hparams([], {})
        with pytest.raises(ValueError, match="int, float, str, bool"):
            writer.add_hparams({"x": object()}, {})
    found = values(tmp_path / "run")
    assert [v[0] for v in found] == [
        "_hparams_/experiment",
        "_hparams_/session_start_info",
        "_hparams_/session_end_info",
        "acc",
    ]
    start = parse(parse(parse(parse(found[1][2][9][0])[1][0])[2][0])[3][0])
    pairs = {parse(p)[1][0]: parse(parse(p)[2][0]) for p in start[1]}
    assert pairs == {b"lr": {2: [0.1]}, b"name": {3: [b"adam"]}, b"on": {4: [1]}}


def test_embeddings(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        writer.add_embedding(torch.eye(3), metadata=["a", "b", "c"], label_img=torch.rand(3, 1, 2, 2), global_step=1)
        with pytest.raises(AssertionError, match="labels"):
            writer.add_embedding(torch.eye(3), metadata=["a"])
    folder = tmp_path / "00001" / "default"
    assert (folder / "tensors.tsv").read_text().splitlines()[1] == "0.0\t1.0\t0.0"
    assert (folder / "metadata.tsv").read_text().split() == ["a", "b", "c"]
    assert png_pixels((folder / "sprite.png").read_bytes())[:2] == (4, 4)
    assert 'tensor_path: "00001/default/tensors.tsv"' in (tmp_path / "projector_config.pbtxt").read_text()


def test_events_are_there_without_close(tmp_path):
    """The queue is written out at the end of the program, and earlier when it is full or flushed."""
    code = (
        "from rushlight.utils.tensorboard import SummaryWriter\n"
        f"w = SummaryWriter({str(tmp_path)!r})\n"
        "[w.add_scalar('x', k, k) for k in range(3)]\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert [v[1] for v in values(tmp_path)] == [0, 1, 2]
    other = tmp_path / "b"
    writer = SummaryWriter(other, max_queue=2)
    for k in range(3):
        writer.add_scalar("x", k, k)
    assert len(values(other)) >= 2
    writer.add_scalar("x", 3, 3)
    writer.flush()
    assert len(values(other)) == 4
    writer.close()


def test_default_folder_names_time_and_host(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    writer = SummaryWriter(comment="_x")
    writer.close()
    (folder,) = (tmp_path / "runs").iterdir()
    assert folder.name.endswith("_x")


def test_graphs_say_that_they_are_not_there(tmp_path):
    with SummaryWriter(tmp_path) as writer, pytest.raises(NotImplementedError, match="add_graph"):
        writer.add_graph(torch.nn.Linear(1, 1))


def test_tensorboard_reads_it(tmp_path):
    accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator", reason="TensorBoard is not installed"
    )
    with SummaryWriter(tmp_path) as writer:
        writer.add_scalar("loss", 0.5, 3)
        writer.add_histogram("w", torch.randn(100), 1)
        writer.add_image("i", torch.rand(3, 4, 5), 1)
        writer.add_audio("a", torch.zeros(10), 1)
        writer.add_text("t", "hello", 1)
    read = accumulator.EventAccumulator(str(tmp_path)).Reload()
    tags = read.Tags()
    assert tags["scalars"] == ["loss"] and tags["histograms"] == ["w"] and tags["images"] == ["i"]
    assert tags["audio"] == ["a"] and tags["tensors"] == ["t/text_summary"]
    assert read.Scalars("loss")[0].value == 0.5 and read.Histograms("w")[0].histogram_value.num == 100
    assert (read.Images("i")[0].height, read.Images("i")[0].width) == (4, 5)
