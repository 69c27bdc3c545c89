"""Fourier transforms: against NumPy for many lengths, odd layouts, norms, sizes; short-time transforms; what is refused."""

from __future__ import annotations

import numpy as np
import pytest

import rushlight as torch
from rushlight import Tensor

F = torch.fft
LENGTHS = [
    1,
    2,
    3,
    4,
    5,
    6,
    7,
    8,
    9,
    10,
    11,
    12,
    13,
    15,
    16,
    17,
    30,
    31,
    32,
    49,
    60,
    64,
    97,
    100,
    101,
    128,
    210,
    256,
    257,
    1000,
    1024,
    2187,
]


def draw(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    torch.manual_seed(sum(shape) + 3)
    return torch.randn(shape, dtype=dtype)


def near(a: Tensor, b: np.ndarray, by: float | None = None) -> None:
    assert tuple(a.shape) == b.shape
    single = a.dtype in (torch.float32, torch.complex64)
    by = by or (3e-6 if single else 1e-13)
    far = np.abs(a.numpy() - b).max() if b.size else 0.0
    assert far <= by * max(1.0, np.abs(b).max() if b.size else 0.0), far


@pytest.mark.parametrize("n", LENGTHS)
@pytest.mark.parametrize("double", [False, True], ids=["single", "double"])
def test_lengths(n: int, double: bool) -> None:
    x = draw(3, n, dtype=torch.float64 if double else torch.float32)
    z = torch.complex(x, x.flip(1) + 0.5)
    wide, real = z.numpy().astype("complex128"), x.numpy().astype("float64")
    assert F.fft(z).dtype == z.dtype and F.rfft(x).dtype == z.dtype and F.irfft(z, 2).dtype == x.dtype
    near(F.fft(z), np.fft.fft(wide))
    near(F.ifft(z), np.fft.ifft(wide))
    near(F.fft(x), np.fft.fft(real))
    near(F.rfft(x), np.fft.rfft(real))
    near(F.ihfft(x), np.fft.ihfft(real))
    near(F.irfft(z, n), np.fft.irfft(wide, n))
    near(F.hfft(z, n), np.fft.hfft(wide, n))
    near(F.irfft(F.rfft(x), n), real)
    near(F.ifft(F.fft(z)), wide)


@pytest.mark.parametrize("norm", [None, "backward", "ortho", "forward"])
@pytest.mark.parametrize("n", [None, 3, 8, 13])
@pytest.mark.parametrize("dim", [0, 1, -1])
def test_norms_sizes_and_dimensions(norm: str | None, n: int | None, dim: int) -> None:
    x = draw(5, 6, 4)
    z = torch.complex(x, -x + 1)
    for name in ("fft", "ifft", "irfft", "hfft"):
        near(getattr(F, name)(z, n, dim, norm), getattr(np.fft, name)(z.numpy(), n, dim, norm))
    for name in ("rfft", "ihfft"):
        near(getattr(F, name)(x, n=n, dim=dim, norm=norm), getattr(np.fft, name)(x.numpy(), n, dim, norm))


@pytest.mark.parametrize("norm", [None, "ortho", "forward"])
def test_several_dimensions(norm: str | None) -> None:
    x = draw(3, 4, 5)
    z = torch.complex(x, x + 1)
    for name, kwargs in [
        ("2", {}),
        ("n", {}),
        ("n", {"s": (4, 3)}),
        ("n", {"s": (2, 6), "dim": (0, 2)}),
        ("2", {"dim": (0, 1)}),
    ]:
        theirs = {{"dim": "axes"}.get(k, k): v for k, v in kwargs.items()}
        if "s" in theirs and "axes" not in theirs:
            theirs["axes"] = (-2, -1)
        for kind in ("fft", "ifft", "irfft"):
            near(
                getattr(F, kind + name)(z, norm=norm, **kwargs),
                getattr(np.fft, kind + name)(z.numpy(), norm=norm, **theirs),
            )
        near(
            getattr(F, "rfft" + name)(x, norm=norm, **kwargs),
            getattr(np.fft, "rfft" + name)(x.numpy(), norm=norm, **theirs),
        )
    near(F.hfft2(F.ihfft2(x), s=(4, 5)), x.numpy())
    near(F.hfftn(F.ihfftn(x, norm=norm), s=(3, 4, 5), norm=norm), x.numpy())


def test_layouts_and_dtypes() -> None:
    x = draw(6, 8)
    near(F.fft(x.t()), np.fft.fft(x.numpy().T))
    near(F.rfft(x[::2, 1::3]), np.fft.rfft(x.numpy()[::2, 1::3]))
    near(F.fft(x.unsqueeze(0).expand(3, 6, 8)), np.fft.fft(np.broadcast_to(x.numpy(), (3, 6, 8))))
    assert (
        F.fft(torch.arange(4)).dtype == torch.complex64 and F.rfft(torch.tensor([True, False])).dtype == torch.complex64
    )
    assert F.fft(torch.empty(0, 4)).shape == (0, 4)
    out = torch.empty(0, dtype=torch.complex128)
    assert F.fft(x, out=out) is out and out.shape == (6, 8)
    # What one line holds does not leak into its neighbours.
    y = x.clone()
    y[2, 3] = float("nan")
    assert torch.equal(F.rfft(y).isnan().any(1), torch.arange(6) == 2)


def test_frequencies_and_shifts() -> None:
    for n in (1, 4, 5):
        near(F.fftfreq(n, 0.5, dtype=torch.float64), np.fft.fftfreq(n, 0.5))
        near(F.rfftfreq(n, 0.5, dtype=torch.float64), np.fft.rfftfreq(n, 0.5))
    assert F.fftfreq(4).dtype == torch.get_default_dtype() and F.rfftfreq(4, requires_grad=True).requires_grad
    x = draw(4, 5)
    near(F.fftshift(x), np.fft.fftshift(x.numpy()))
    near(F.ifftshift(x, dim=1), np.fft.ifftshift(x.numpy(), 1))
    assert torch.equal(F.ifftshift(F.fftshift(x)), x)


def frames(x: np.ndarray, n: int, hop: int, window: np.ndarray) -> np.ndarray:
    """The definition of a short-time transform, frame by frame."""
    cut = [np.fft.rfft(x[start : start + n] * window) for start in range(0, len(x) - n + 1, hop)]
    return np.stack(cut, 1)


@pytest.mark.parametrize(("n", "hop", "length"), [(16, 4, 16), (16, 8, 12), (15, 5, 15), (8, 2, 5)])
def test_short_time_transforms(n: int, hop: int, length: int) -> None:
    x, window = draw(100), torch.hann_window(length, dtype=torch.float64) + 0.1
    left = (n - length) // 2
    whole = np.pad(window.numpy(), (left, n - length - left))
    got = torch.stft(x, n, hop, length, window, center=False, return_complex=True)
    near(got, frames(x.numpy(), n, hop, whole))
    centred = x.stft(n, hop, length, window, return_complex=True, normalized=True)
    near(centred, frames(np.pad(x.numpy(), n // 2, mode="reflect"), n, hop, whole) / n**0.5)
    near(torch.istft(centred, n, hop, length, window, normalized=True, length=100), x.numpy(), 1e-10)
    pairs = torch.stft(x, n, hop, length, window, return_complex=False, normalized=True)
    assert torch.equal(torch.view_as_complex(pairs), centred)
    both = torch.stft(torch.stack([x, 2 * x]), n, hop, length, window, return_complex=True, normalized=True)
    near(both[1], 2 * centred.numpy())
    z = torch.complex(x, -x)
    full = torch.stft(z, n, hop, length, window)
    assert full.shape[0] == n
    near(torch.istft(full, n, hop, length, window, return_complex=True, onesided=False, length=100), z.numpy(), 1e-10)


WRONG = [
    (lambda: F.fft(torch.ones(3), 0), "Invalid number of data points"),
    (lambda: F.fft(torch.ones(3), norm="half"), 'Invalid normalization mode: "half"'),
    (lambda: F.rfft(torch.ones(3, dtype=torch.complex64)), "real input"),
    (lambda: F.fftn(torch.ones(2, 3), dim=(0, 0)), "must be unique"),
    (lambda: F.fftn(torch.ones(2, 3), s=(1, 2, 3)), "only has 2 dimensions"),
    (lambda: F.fft2(torch.ones(2, 3), s=(1,)), "same length"),
    (lambda: F.fft(torch.ones(3, dtype=torch.float16)), "Unsupported dtype Half"),
    (lambda: F.fftfreq(0), "positive number"),
    (lambda: torch.stft(torch.ones(8), 4), "return_complex"),
    (lambda: torch.stft(torch.ones(8), 16, center=False, return_complex=True), "n_fft"),
    (lambda: torch.stft(torch.ones(8), 4, window=torch.ones(3), return_complex=True), "win_length=4"),
    (lambda: torch.stft(torch.ones(8), 4, hop_length=0, return_complex=True), "hop_length > 0"),
    (lambda: torch.istft(torch.ones(3, 4), 4), "complex-valued"),
    (lambda: torch.istft(torch.ones(5, 4, dtype=torch.complex64), 6), "frequency dimension"),
    (lambda: torch.istft(torch.ones(3, 4, dtype=torch.complex64), 4, window=torch.zeros(4)), "window overlap add"),
]


@pytest.mark.parametrize(("call", "words"), WRONG, ids=[words for _, words in WRONG])
def test_what_is_refused(call, words) -> None:
    with pytest.raises(RuntimeError, match=words):
        call()
    with pytest.raises(IndexError):
        F.fft(torch.ones(3), dim=1)


def test_bits_do_not_depend_on_threads() -> None:
    z, kept = torch.complex(draw(300, 96), draw(300, 96)), torch.get_num_threads()
    try:
        results = []
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            results.append([F.fft(z), F.fft(z, dim=0), F.rfft(z.real), F.irfft(z)])
    finally:
        torch.set_num_threads(kept)
    for result in results[1:]:
        assert all(torch.equal(x, y) for x, y in zip(results[0], result))
