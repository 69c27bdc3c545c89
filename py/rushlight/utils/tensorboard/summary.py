"""Summaries: the values that event files hold, one function for each kind. They give encoded `Summary` messages."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import rushlight as torch

from ._events import field, packed, summary, value

__all__ = [
    "audio",
    "custom_scalars",
    "histogram",
    "histogram_raw",
    "hparams",
    "image",
    "image_boxes",
    "pr_curve",
    "scalar",
    "tensor_proto",
    "text",
]


def as_tensor(values: Any) -> torch.Tensor:
    """Numbers, lists, arrays and tensors as a tensor on the CPU without history."""
    if isinstance(values, torch.Tensor):
        values = values.detach().cpu()
        return values.float() if values.dtype in (torch.bfloat16, torch.float16) else values
    return torch.as_tensor(values)


def number(what: str, given: Any) -> float:
    """One number. Raises AssertionError for more."""
    if isinstance(given, (int, float)):
        return float(given)
    tensor = as_tensor(given)
    if tensor.numel() != 1:
        raise AssertionError(f"{what}: scalar_value should have one element, got shape {list(tensor.shape)}")
    return float(tensor.reshape(()).item())


def _plugin(name: str, content: bytes = b"") -> bytes:
    """Metadata that names the plugin which shows the value."""
    return field(1, field(1, name) + (field(2, content) if content else b""))


def _tensor(dtype: int, shape: list[int], content: bytes) -> bytes:
    dims = b"".join(field(2, field(1, size)) for size in shape)
    return field(8, field(1, dtype) + field(2, dims) + content)


def scalar(tag: str, scalar_value: Any, new_style: bool = False, double_precision: bool = False) -> bytes:
    """One number; `new_style` as a tensor, with `double_precision` of float64."""
    given = number("add_scalar", scalar_value)
    if not new_style:
        return summary(value(tag, field(2, given, "f")))
    if double_precision:
        content = _tensor(2, [], field(6, given))
    else:
        content = _tensor(1, [], field(5, given, "f"))
    return summary(value(tag, content, _plugin("scalars") + field(4, 1)))


def tensor_proto(tag: str, tensor: Any) -> bytes:
    """A whole tensor of floats."""
    tensor = as_tensor(tensor).float().contiguous()
    data = struct.pack(f"<{tensor.numel()}f", *tensor.reshape(-1).tolist())
    return summary(value(tag, _tensor(1, list(tensor.shape), field(4, data)), _plugin("tensor")))


def _default_edges() -> torch.Tensor:
    """Limits that grow by a tenth, on both sides of zero."""
    positive, limit = [], 1e-12
    while limit < 1e20:
        positive.append(limit)
        limit *= 1.1
    return torch.tensor([-x for x in reversed(positive)] + [0.0] + positive, dtype=torch.float64)


def histogram(tag: str, values: Any, bins: Any = "tensorflow", max_bins: int | None = None) -> bytes:
    """How values are distributed. `bins`: "tensorflow", a count, or limits; others of NumPy's names go to NumPy."""
    flat = as_tensor(values).double().reshape(-1)
    if flat.numel() == 0:
        raise ValueError("The input has no element.")
    if isinstance(bins, str) and bins == "tensorflow":
        edges = _default_edges()
    elif isinstance(bins, int):
        low, high = float(flat.min()), float(flat.max())
        edges = torch.linspace(low, high, bins + 1, dtype=torch.float64)
    elif isinstance(bins, str):
        import numpy as np

        edges = torch.as_tensor(np.histogram_bin_edges(flat.numpy(), bins=bins)).double()
    else:
        edges = as_tensor(bins).double()
    if max_bins is not None and edges.numel() - 1 > max_bins:
        edges = edges[:: -(-(edges.numel() - 1) // max_bins)].contiguous()
    inside = flat[(flat >= edges[0]) & (flat <= edges[-1])]
    place = torch.searchsorted(edges, inside, right=True).sub(1).clamp(0, edges.numel() - 2)
    counts = torch.bincount(place, minlength=edges.numel() - 1)
    filled = counts.nonzero().reshape(-1).tolist()
    first, last = (filled[0], filled[-1] + 1) if filled else (0, 1)
    # a bucket counts what is at most its limit: an empty one in front tells where the first begins
    limits = edges[first : last + 1].tolist()
    buckets = [0.0, *counts[first:last].double().tolist()]
    moments = (float(flat.min()), float(flat.max()), flat.numel(), float(flat.sum()), float(flat @ flat))
    return histogram_raw(tag, *moments, limits, buckets)


def histogram_raw(
    tag: str, min: float, max: float, num: int, sum: float, sum_squares: float, bucket_limits: Any, bucket_counts: Any
) -> bytes:
    """A histogram that somebody else has counted."""
    if len(bucket_limits) != len(bucket_counts):
        raise ValueError("len(bucket_limits) != len(bucket_counts), see the document.")
    head = b"".join(field(k, float(x)) for k, x in enumerate((min, max, num, sum, sum_squares), 1))
    return summary(value(tag, field(5, head + packed(6, bucket_limits) + packed(7, bucket_counts))))


def _bytes_of(picture: torch.Tensor) -> bytes:
    flat = picture.contiguous().reshape(-1)
    return bytes(flat.numpy()) if _has_numpy() else bytes(flat.tolist())


def _has_numpy() -> bool:
    import importlib.util

    return importlib.util.find_spec("numpy") is not None


def pixels(given: Any, dataformats: str) -> torch.Tensor:
    """A picture of bytes, as height, width, channel. A batch becomes a grid."""
    picture = as_tensor(given)
    order = dataformats.upper()
    if len(order) != picture.dim() or len(set(order)) != len(order) or set(order) - set("NCHW"):
        raise AssertionError(
            f"size of tensor and format are different: tensor shape {list(picture.shape)}, dataformats {dataformats!r}"
        )
    if picture.dtype != torch.uint8:
        picture = (picture.float() * 255.0).clamp(0, 255).to(torch.uint8)
    for missing in "NHWC":
        if missing not in order:
            picture, order = picture.unsqueeze(0), missing + order
    picture = picture.permute([order.index(c) for c in "NHWC"])
    count, height, width, channels = picture.shape
    if channels not in (1, 2, 3, 4):
        raise AssertionError(f"a picture has 1 to 4 channels, got {channels} in shape {list(given.shape)} as {dataformats}")
    if count == 1:
        return picture[0]
    columns = min(8, count)
    rows = -(-count // columns)
    grid = torch.zeros((rows * height, columns * width, channels), dtype=torch.uint8)
    for k in range(count):
        y, x = divmod(k, columns)
        grid[y * height : (y + 1) * height, x * width : (x + 1) * width] = picture[k]
    return grid


def png(picture: torch.Tensor) -> bytes:
    """The bytes of a PNG file."""
    height, width, channels = picture.shape
    colour = {1: 0, 2: 4, 3: 2, 4: 6}[channels]

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    data, row = _bytes_of(picture), width * channels
    lines = b"".join(b"\0" + data[y * row : (y + 1) * row] for y in range(height))
    head = struct.pack(">2I5B", width, height, 8, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")


def image(tag: str, tensor: Any, rescale: float = 1, dataformats: str = "NCHW") -> bytes:
    """A picture: bytes, or floats in [0, 1]."""
    picture = pixels(tensor, dataformats)
    height, width, channels = picture.shape
    content = field(1, height) + field(2, width) + field(3, channels) + field(4, png(picture))
    return summary(value(tag, field(4, content)))


def image_boxes(
    tag: str, tensor_image: Any, tensor_boxes: Any, rescale: float = 1, dataformats: str = "CHW", labels: Any = None
) -> bytes:
    """A picture with boxes (x0, y0, x1, y1) drawn in red, one pixel wide. Labels are not drawn."""
    picture = pixels(tensor_image, dataformats)
    if picture.shape[2] == 1:
        picture = picture.expand(-1, -1, 3)
    picture = picture.clone()
    colour = torch.tensor([255, 0, 0, 255][: picture.shape[2]], dtype=torch.uint8)
    height, width = picture.shape[:2]
    for box in as_tensor(tensor_boxes).reshape(-1, 4).tolist():
        x0, x1 = sorted(min(max(int(x), 0), width - 1) for x in box[::2])
        y0, y1 = sorted(min(max(int(y), 0), height - 1) for y in box[1::2])
        picture[[y0, y1], x0 : x1 + 1] = colour
        picture[y0 : y1 + 1, [x0, x1]] = colour
    return image(tag, picture, dataformats="HWC")


def audio(tag: str, tensor: Any, sample_rate: int = 44100) -> bytes:
    """Sound in [-1, 1], one channel, as a WAV file of 16 bits."""
    sound = as_tensor(tensor).float().squeeze()
    if sound.dim() != 1:
        raise AssertionError(f"input tensor should be 1 dimensional, got shape {list(sound.shape)}")
    samples = (sound.clamp(-1, 1) * 32767.0).to(torch.int16).tolist()
    data = struct.pack(f"<{len(samples)}h", *samples)
    form = struct.pack("<HHIIHH", 1, 1, sample_rate, 2 * sample_rate, 2, 16)
    wave = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", len(data)) + data
    content = field(1, float(sample_rate), "f") + field(2, 1) + field(3, len(samples))
    content += field(4, b"RIFF" + struct.pack("<I", len(wave)) + wave) + field(5, "audio/wav")
    return summary(value(tag, field(6, content)))


def text(tag: str, text: Any) -> bytes:
    """Text in Markdown."""
    content = _tensor(7, [1], field(8, str(text)))
    return summary(value(f"{tag}/text_summary", content, _plugin("text", field(1, 0))))


def pr_curve(tag: str, labels: Any, predictions: Any, num_thresholds: int = 127, weights: Any = None) -> bytes:
    """Precision and recall of `predictions` in [0, 1] of which `labels` say what is true, at evenly spaced thresholds."""
    labels, predictions = as_tensor(labels).double().reshape(-1), as_tensor(predictions).double().reshape(-1)
    num_thresholds = min(num_thresholds, 127)
    weight = torch.ones_like(labels) if weights is None else as_tensor(weights).double().expand(labels.shape)
    place = (predictions * (num_thresholds - 1)).floor().long().clamp(0, num_thresholds - 1)

    def above(mass: torch.Tensor) -> torch.Tensor:
        per_bin = torch.zeros(num_thresholds, dtype=torch.float64).index_add(0, place, mass)
        return per_bin.flip(0).cumsum(0).flip(0)

    true, false = above(labels * weight), above((1 - labels) * weight)
    rest_false, rest_true = false[0] - false, true[0] - true
    precision = true / (true + false).clamp(min=1e-7)
    recall = true / (true + rest_true).clamp(min=1e-7)
    rows = torch.stack([true, false, rest_false, rest_true, precision, recall]).float()
    data = struct.pack(f"<{rows.numel()}f", *rows.reshape(-1).tolist())
    metadata = _plugin("pr_curves", field(1, 0) + field(2, num_thresholds))
    return summary(value(tag, _tensor(1, [6, num_thresholds], field(4, data)), metadata))


def custom_scalars(layout: dict[str, dict[str, Any]]) -> bytes:
    """Which diagrams to show: {category: {title: ["Multiline" or "Margin", [tag, …]]}}."""
    categories = b""
    for name, charts in layout.items():
        category = field(1, name)
        for title, (kind, tags) in charts.items():
            chart = field(1, title)
            if kind == "Margin":
                if len(tags) != 3:
                    raise AssertionError(f"custom_scalars: a Margin has three tags, got {len(tags)}")
                series = b"".join(field(k, tag) for k, tag in enumerate(tags, 1))
                chart += field(3, field(1, series))
            else:
                chart += field(2, b"".join(field(1, tag) for tag in tags))
            category += field(2, chart)
        categories += field(2, category)
    content = _tensor(7, [], field(8, field(1, 0) + categories))
    return summary(value("custom_scalars__config__", content, _plugin("custom_scalars")))


def _json_value(given: Any) -> bytes:
    """A `google.protobuf.Value`, and the number of its type among hyperparameters."""
    if isinstance(given, bool):
        return field(4, given)
    if isinstance(given, str):
        return field(3, given)
    return field(2, float(given))


def _plain(name: str, given: Any) -> Any:
    if isinstance(given, torch.Tensor):
        given = given.item()
    if given is None or isinstance(given, (str, bool)):
        return given
    try:
        return float(given)
    except (TypeError, ValueError):
        raise ValueError(
            f"value should be one of int, float, str, bool, or torch.Tensor; got {type(given).__name__} for {name!r}"
        ) from None


def hparams(
    hparam_dict: dict[str, Any], metric_dict: dict[str, Any], hparam_domain_discrete: dict[str, list] | None = None
) -> tuple[bytes, bytes, bytes]:
    """Hyperparameters and the names of results: the experiment, the session's beginning and its end."""
    if not isinstance(hparam_dict, dict) or not isinstance(metric_dict, dict):
        raise TypeError("hparam_dict and metric_dict should be dictionary.")
    domains = hparam_domain_discrete or {}
    for name in domains:
        if name not in hparam_dict:
            raise TypeError(f"parameter: hparam_domain_discrete[{name}] is not among the hyperparameters")
    infos = start = b""
    for name, given in hparam_dict.items():
        given = _plain(name, given)
        if given is None:
            continue
        kind = 2 if isinstance(given, bool) else 1 if isinstance(given, str) else 3
        info = field(1, name) + field(4, kind)
        if name in domains:
            info += field(5, b"".join(field(1, _json_value(v)) for v in domains[name]))
        infos += field(4, info)
        start += field(1, field(1, name) + field(2, _json_value(given)))
    metrics = b"".join(field(5, field(1, field(2, name))) for name in metric_dict)

    def message(tag: str, number: int, content: bytes) -> bytes:
        return summary(value(f"_hparams_/{tag}", b"", _plugin("hparams", field(1, 0) + field(number, content))))

    return (
        message("experiment", 2, infos + metrics),
        message("session_start_info", 3, start),
        message("session_end_info", 4, field(1, 1)),
    )
