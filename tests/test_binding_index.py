"""Views by `x[…]`, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

import rushlight as torch

ARRAY = np.arange(2 * 3 * 4).reshape(2, 3, 4)

KEYS = [
    0,
    -1,
    np.s_[:],
    np.s_[1:],
    np.s_[-1:],
    np.s_[5:],
    np.s_[:, 1],
    np.s_[:, :, -1],
    np.s_[..., 0],
    np.s_[...],
    np.s_[0, ...],
    np.s_[..., 1:3],
    np.s_[::2, ::2, ::3],
    np.s_[:, None],
    np.s_[None],
    np.s_[None, ..., None],
    np.s_[0, 1, 2],
    np.s_[1, :, 2:0],
    (),
    np.int64(1),
]


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_views(key) -> None:
    x = torch.from_numpy(ARRAY.copy())
    y = x[key]
    assert y.tolist() == ARRAY[key].tolist() and y.shape == ARRAY[key].shape
    assert y.untyped_storage()._cdata == x.untyped_storage()._cdata


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_assignment_to_views(key) -> None:
    x, array = torch.from_numpy(ARRAY.copy()), ARRAY.copy()
    x[key], array[key] = 7, 7
    assert x.tolist() == array.tolist()
    value = np.arange(array[key].size).reshape(array[key].shape)
    x[key], array[key] = torch.from_numpy(np.ascontiguousarray(value)), value
    assert x.tolist() == array.tolist()


def test_zero_dim_tensors_are_ints() -> None:
    x = torch.from_numpy(ARRAY.copy())
    assert x[torch.tensor(1), torch.tensor(2)].tolist() == ARRAY[1, 2].tolist()


@pytest.mark.parametrize(
    ("key", "error", "words"),
    [
        (2, IndexError, "index 2 is out of bounds for dimension 0 with size 2"),
        (np.s_[0, 3], IndexError, "out of bounds for dimension 0|out of bounds for dimension 1"),
        (np.s_[0, 0, 0, 0], IndexError, "too many indices for tensor of dimension 3"),
        (np.s_[..., ...], IndexError, "single ellipsis"),
        (np.s_[::-1], ValueError, "step must be greater than zero"),
        (np.s_[::0], ValueError, "step must be greater than zero"),
        (np.s_[1.5:], TypeError, "slice indices must be integers"),
        ("a", IndexError, "only integers, slices"),
        (0.5, IndexError, r"got float\)"),
    ],
)
def test_bad_keys(key, error, words) -> None:
    x = torch.from_numpy(ARRAY.copy())
    with pytest.raises(error, match=words):
        x[key]
    with pytest.raises(error, match=words):
        x[key] = 1


def test_bad_values() -> None:
    x = torch.zeros(2, 3)
    with pytest.raises(TypeError, match="can't assign a list to a torch.FloatTensor"):
        x[0] = [1, 2, 3]
    with pytest.raises(RuntimeError):
        x[0] = torch.zeros(4)
    with pytest.raises(TypeError, match="deleting"):
        del x[0]
    with pytest.raises(IndexError, match="0-dim"):
        torch.tensor(1)[0]


def test_gradients_go_through_views() -> None:
    x = torch.ones(3, 4, requires_grad=True)
    (x[1:, ::2] * 2).sum().backward()
    assert x.grad.tolist() == [[0, 0, 0, 0], [2, 0, 2, 0], [2, 0, 2, 0]]
    y = torch.zeros(3)
    w = torch.tensor([2.0], requires_grad=True)
    y[1] = w[0] * 3
    y.sum().backward()
    assert w.grad.tolist() == [3]
