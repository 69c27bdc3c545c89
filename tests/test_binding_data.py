"""Tensors from Python's data and NumPy's, and back."""

from __future__ import annotations

import numpy as np
import pytest

import rushlight as torch

DTYPES = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64", "complex64", "complex128"]


@pytest.mark.parametrize("name", DTYPES)
def test_numpy_both_ways_without_a_copy(name: str) -> None:
    array = np.arange(24).reshape(2, 3, 4).astype(name)
    x = torch.from_numpy(array)
    assert x.dtype is getattr(torch, name) and x.shape == (2, 3, 4) and x.tolist() == array.tolist()
    array[1, 2, 3] = 1
    assert x[1, 2, 3].item() == 1
    back = x.numpy()
    assert back.dtype == array.dtype and back.__array_interface__["data"] == array.__array_interface__["data"]
    view = torch.from_numpy(array.transpose(2, 0, 1)[1:])
    assert view.tolist() == array.transpose(2, 0, 1)[1:].tolist()
    assert view.numpy().strides == array.transpose(2, 0, 1)[1:].strides
    if name != "bool":
        assert torch.from_dlpack(array).tolist() == array.tolist()
        assert np.from_dlpack(x).tolist() == array.tolist()
    assert np.asarray(x).tolist() == array.tolist()


def test_memory_outlives_its_first_owner() -> None:
    x = torch.from_numpy(np.full(1000, 7.0))
    assert x.sum().item() == 7000
    array = torch.full((1000,), 3.0).numpy()
    assert array.sum() == 3000
    other = torch.from_dlpack(torch.full((10,), 2.0))
    assert other.sum().item() == 20


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        (1, torch.int64),
        (1.5, torch.float32),
        (True, torch.bool),
        (1j, torch.complex64),
        ([1, 2.5], torch.float32),
        ([True, 2], torch.int64),
        ([[1], [2.0]], torch.float32),
        ([1, 2j], torch.complex64),
        ([], torch.float32),
        (np.float64(2), torch.float64),
        (np.int32(2), torch.int32),
        ([np.float64(2), 1], torch.float64),
        (np.arange(3), torch.int64),
        ([np.arange(3), np.arange(3)], torch.int64),
        (range(3), torch.int64),
        ((1, 2), torch.int64),
    ],
)
def test_the_dtype_that_data_suggests(data, dtype) -> None:
    x = torch.tensor(data)
    assert x.dtype is dtype
    assert x.tolist() == np.array(data, dtype=str(dtype).removeprefix("torch.")).tolist()


@pytest.mark.parametrize(
    ("data", "error", "words"),
    [
        ("a", TypeError, "invalid data type 'str'"),
        ([1, "a"], TypeError, "invalid data type 'str'"),
        (None, RuntimeError, "Could not infer dtype of NoneType"),
        ([[1, 2], [3]], ValueError, "expected sequence of length 2 at dim 1"),
        ([[1], 2], TypeError, "not a sequence"),
        (2**70, RuntimeError, "Overflow"),
        ({1: 2}, RuntimeError, "Could not infer dtype of dict"),
    ],
)
def test_bad_data(data, error, words) -> None:
    with pytest.raises(error, match=words):
        torch.tensor(data)


def test_bad_arrays() -> None:
    with pytest.raises(TypeError, match="can't convert np.ndarray of type numpy.object_"):
        torch.from_numpy(np.array([None]))
    with pytest.raises(ValueError, match="stride.*negative"):
        torch.from_numpy(np.arange(3)[::-1])
    with pytest.raises(ValueError, match="byte order"):
        torch.from_numpy(np.arange(3, dtype=">i4"))
    with pytest.raises(TypeError, match="expected np.ndarray"):
        torch.from_numpy([1])
    with pytest.raises(RuntimeError, match="requires grad"):
        torch.ones(1, requires_grad=True).numpy()
    assert torch.ones(1, requires_grad=True).numpy(force=True).tolist() == [1]
    with pytest.raises(TypeError, match="BFloat16"):
        torch.ones(1, dtype=torch.bfloat16).numpy()
    with pytest.raises(TypeError, match="only once"):
        torch.from_dlpack(object())


def test_overflow_is_no_silent_wrap() -> None:
    with pytest.raises(RuntimeError, match="without overflow"):
        torch.tensor(300, dtype=torch.uint8)
    with pytest.raises(RuntimeError, match="without overflow"):
        torch.tensor([1, 2**31], dtype=torch.int32)


def test_as_tensor_shares_where_it_can() -> None:
    array = np.zeros(3)
    assert torch.as_tensor(array).data_ptr() == array.__array_interface__["data"][0]
    assert torch.as_tensor(array, dtype=torch.float32).dtype is torch.float32
    x = torch.ones(2)
    assert torch.as_tensor(x) is x and torch.asarray(x) is x
    assert torch.asarray(array, copy=True).data_ptr() != array.__array_interface__["data"][0]
    with pytest.raises(ValueError, match="copy"):
        torch.asarray([1], copy=False)
    assert torch.tensor(array).data_ptr() != array.__array_interface__["data"][0]


def test_frombuffer() -> None:
    memory = bytearray(range(16))
    x = torch.frombuffer(memory, dtype=torch.uint8, count=4, offset=2)
    memory[2] = 99
    assert x.tolist() == [99, 3, 4, 5]
    assert torch.frombuffer(memory, dtype=torch.int32).shape == (4,)
    for bad in ({"offset": 16}, {"count": 20}, {"count": 0}):
        with pytest.raises(ValueError):
            torch.frombuffer(memory, dtype=torch.uint8, **bad)


def test_numpy_scalars_are_numbers() -> None:
    x = torch.ones(2)
    for number in (np.float32(2), np.float64(2), np.int64(2), np.int8(2), np.bool_(True)):
        assert (x + number).dtype is torch.float32
    assert x.add(np.float32(2)).tolist() == [3, 3]
    assert torch.zeros(np.int64(2), np.int32(3)).shape == (2, 3)
    assert type(torch.ones(2) + np.ones(2)) is torch.Tensor


def test_storages() -> None:
    x = torch.tensor([1, 2, 3, 4], dtype=torch.int32)
    storage = x.untyped_storage()
    assert storage.nbytes() == 16 and bytes(memoryview(storage))[:4] == b"\x01\0\0\0"
    y = torch.empty(0, dtype=torch.int32).set_(storage, 1, (2,), (2,))
    assert y.tolist() == [2, 4]
    y[0] = 9
    assert x.tolist() == [1, 9, 3, 4]
    with pytest.raises(RuntimeError, match="storage"):
        y.set_(storage, 3, (2,), (2,))
    assert x.resize_(2, 3).shape == (2, 3)
