"""How tensors print: the same text as PyTorch's, character by character."""

from __future__ import annotations

import math
from typing import Any

import rushlight as torch

__all__ = ["get_printoptions", "printoptions", "set_printoptions"]


class _PrinterOptions:
    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


PRINT_OPTS = _PrinterOptions()

_PROFILES = {"default": (4, 1000, 3, 80), "short": (2, 1000, 2, 80), "full": (4, math.inf, 3, 80)}


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Says how tensors print.

    Args:
        precision: digits behind the point.
        threshold: tensors with more elements are summarised.
        edgeitems: how many elements a summary shows at each edge.
        linewidth: characters in a line.
        profile: "default", "short" or "full", for all of these at once.
        sci_mode: scientific notation always (True), never (False) or where it is needed (None).
    """
    if profile is not None:
        if profile not in _PROFILES:
            raise ValueError(f"profile must be one of {', '.join(_PROFILES)}, got {profile!r}")
        PRINT_OPTS.precision, PRINT_OPTS.threshold, PRINT_OPTS.edgeitems, PRINT_OPTS.linewidth = _PROFILES[profile]
    if precision is not None:
        PRINT_OPTS.precision = precision
    if threshold is not None:
        PRINT_OPTS.threshold = threshold
    if edgeitems is not None:
        PRINT_OPTS.edgeitems = edgeitems
    if linewidth is not None:
        PRINT_OPTS.linewidth = linewidth
    PRINT_OPTS.sci_mode = sci_mode


def get_printoptions() -> dict[str, Any]:
    """The options that `set_printoptions` sets."""
    return {
        name: getattr(PRINT_OPTS, name) for name in ("precision", "threshold", "edgeitems", "linewidth", "sci_mode")
    }


class printoptions:
    """`set_printoptions` for the length of a `with` block."""

    def __init__(self, **kwargs: Any) -> None:
        self._options = kwargs

    def __enter__(self) -> None:
        self._before = get_printoptions()
        set_printoptions(**self._options)

    def __exit__(self, *exc: object) -> None:
        set_printoptions(**self._before)


class _Formatter:
    """How the numbers of one tensor are written: all alike, and equally wide.

    `values` are the elements that will be shown, as Python numbers.
    """

    def __init__(self, values: list, floating: bool) -> None:
        self.floating = floating
        self.int_mode = True
        self.sci_mode = False
        self.max_width = 1
        if not floating:
            for value in values:
                self.max_width = max(self.max_width, len(str(value)))
            return
        finite = [abs(v) for v in values if v != 0 and math.isfinite(v)]
        if not finite:
            # nan and inf are not measured when there is nothing else
            return
        least, most = min(finite), max(finite)
        precision = PRINT_OPTS.precision
        self.int_mode = all(float(v).is_integer() for v in finite)
        self.sci_mode = most / least > 1000.0 or most > 1.0e8 or (not self.int_mode and least < 1.0e-4)
        if PRINT_OPTS.sci_mode is not None:
            self.sci_mode = PRINT_OPTS.sci_mode
        if self.sci_mode:
            template = f"{{:.{precision}e}}"
        else:
            template = "{:.0f}." if self.int_mode else f"{{:.{precision}f}}"
        for value in values:
            if value != 0 and math.isfinite(value):
                self.max_width = max(self.max_width, len(template.format(value)))

    def width(self) -> int:
        """Characters of a number."""
        return self.max_width

    def format(self, value: Any) -> str:
        """One number, padded."""
        if self.floating:
            if self.sci_mode:
                text = f"{value:{self.max_width}.{PRINT_OPTS.precision}e}"
            elif self.int_mode:
                text = f"{value:.0f}"
                if math.isfinite(value):
                    text += "."
            else:
                text = f"{value:.{PRINT_OPTS.precision}f}"
        else:
            text = f"{value}"
        return text.rjust(self.max_width)


def _scalar(value: Any, real: _Formatter, imaginary: _Formatter | None) -> str:
    if imaginary is None:
        return real.format(value)
    first = real.format(value.real)
    second = imaginary.format(value.imag).lstrip() + "j"
    return first + second if second[0] in "+-" else first + "+" + second


def _vector(
    values: list, indent: int, summarize: bool, real: _Formatter, imaginary: _Formatter | None, size: int
) -> str:
    element = real.width() + 2
    if imaginary is not None:
        element += imaginary.width() + 1
    per_line = max(1, math.floor((PRINT_OPTS.linewidth - indent) / element))
    if summarize and not PRINT_OPTS.edgeitems:
        texts = ["..."]
    elif summarize and size > 2 * PRINT_OPTS.edgeitems:
        edge = PRINT_OPTS.edgeitems
        texts = (
            [_scalar(v, real, imaginary) for v in values[:edge]]
            + [" ..."]
            + [_scalar(v, real, imaginary) for v in values[-edge:]]
        )
    else:
        texts = [_scalar(v, real, imaginary) for v in values]
    lines = [", ".join(texts[i : i + per_line]) for i in range(0, len(texts), per_line)]
    return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"


def _nested(
    values: Any, shape: list[int], indent: int, summarize: bool, real: _Formatter, imaginary: _Formatter | None
) -> str:
    if not shape:
        return _scalar(values, real, imaginary)
    if len(shape) == 1:
        return _vector(values, indent, summarize, real, imaginary, shape[0])
    edge = PRINT_OPTS.edgeitems
    if summarize and shape[0] > 2 * edge:
        parts = [_nested(v, shape[1:], indent + 1, summarize, real, imaginary) for v in values[:edge]]
        parts.append("...")
        if edge:
            parts += [_nested(v, shape[1:], indent + 1, summarize, real, imaginary) for v in values[-edge:]]
    else:
        parts = [_nested(v, shape[1:], indent + 1, summarize, real, imaginary) for v in values]
    return "[" + ("," + "\n" * (len(shape) - 1) + " " * (indent + 1)).join(parts) + "]"


def _edges(tensor: Any) -> Any:
    """The corners of a tensor: what a summary shows of it."""
    edge = PRINT_OPTS.edgeitems
    for dim, size in enumerate(tensor.shape):
        if size > 2 * edge:
            if edge == 0:
                return tensor.reshape(-1)[:0]
            tensor = torch.cat((tensor.narrow(dim, 0, edge), tensor.narrow(dim, size - edge, edge)), dim)
    return tensor


def _flat(values: Any, depth: int) -> list:
    for _ in range(depth - 1):
        values = [v for part in values for v in part]
    return values if depth else [values]


def _tensor_str(tensor: Any, indent: int) -> str:
    """The numbers in brackets."""
    if tensor.numel() == 0:
        return "[]"
    shape = list(tensor.shape)
    summarize = tensor.numel() > PRINT_OPTS.threshold
    shown = _edges(tensor) if summarize else tensor
    if shown.is_conj() or shown.is_neg():
        shown = shown.resolve_conj().resolve_neg()
    values = shown.tolist()
    flat = _flat(values, len(shape)) if shown.numel() else []
    if tensor.is_complex():
        real, imaginary = _Formatter([v.real for v in flat], True), _Formatter([v.imag for v in flat], True)
    else:
        real, imaginary = _Formatter(flat, tensor.is_floating_point()), None
    return _nested(values, shape, indent, summarize, real, imaginary)


def _add_suffixes(text: str, suffixes: list[str], indent: int, force_newline: bool = False) -> str:
    parts = [text]
    last = len(text) - text.rfind("\n") + 1
    for suffix in suffixes:
        if force_newline or last + len(suffix) + 2 > PRINT_OPTS.linewidth:
            parts.append(",\n" + " " * indent + suffix)
            last = indent + len(suffix)
            force_newline = False
        else:
            parts.append(", " + suffix)
            last += len(suffix) + 2
    parts.append(")")
    return "".join(parts)


def _str(self: Any, *, tensor_contents: str | None = None) -> str:
    """The whole text: `tensor([1., 2.], requires_grad=True)`."""
    with torch.no_grad():
        tensor = self.detach()
        plain = type(self) is torch.Tensor or type(self) is torch.nn.Parameter
        prefix = "tensor(" if plain else f"{type(self).__name__}("
        indent = len(prefix)
        suffixes = []
        dtype, device = tensor.dtype, tensor.device
        if device.type != "cpu":
            suffixes.append(f"device='{device}'")
            tensor = tensor.cpu()
        default = dtype in (torch.get_default_dtype(), torch.int64, torch.bool)
        if (
            dtype == torch.complex64
            and torch.get_default_dtype() == torch.float32
            or dtype == torch.complex128
            and torch.get_default_dtype() == torch.float64
        ):
            default = True
        if tensor.numel() == 0:
            if tensor.dim() != 1:
                suffixes.append("size=" + str(tuple(tensor.shape)))
            # an empty list says nothing of its type
            if dtype != torch.get_default_dtype():
                suffixes.append("dtype=" + str(dtype))
            text = "[]" if tensor_contents is None else tensor_contents
        else:
            if PRINT_OPTS.edgeitems == 0:
                suffixes.append("size=" + str(tuple(tensor.shape)))
            if not default:
                suffixes.append("dtype=" + str(dtype))
            text = _tensor_str(tensor, indent) if tensor_contents is None else tensor_contents
        grad_fn = self.grad_fn
        if grad_fn is not None:
            name = grad_fn.name()
            if name.startswith("torch::autograd::"):
                name = name.rpartition("::")[2]
            suffixes.append(f"grad_fn=<{name}>")
        elif self.requires_grad:
            suffixes.append("requires_grad=True")
        text = _add_suffixes(prefix + text, suffixes, indent)
    return text


_str_intern = _str
