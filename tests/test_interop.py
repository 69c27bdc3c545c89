"""Memory shared with other libraries: NumPy, DLPack, buffers, files, Numba, Cython, PyTorch. Without copies, and with the right lifetimes."""

from __future__ import annotations

import array
import ctypes
import gc
import importlib.util
import os
import subprocess
import sys
import warnings
import weakref

import pytest

import rushlight as torch

np = pytest.importorskip("numpy")

DTYPES = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64", "complex64", "complex128"]


# ---- NumPy


@pytest.mark.parametrize("name", DTYPES)
def test_numpy_both_ways(name):
    given = np.arange(12).astype(name).reshape(3, 4)
    tensor = torch.from_numpy(given)
    assert tensor.dtype == getattr(torch, name) and tensor.data_ptr() == given.ctypes.data
    back = tensor.numpy()
    assert back.dtype == given.dtype and back.ctypes.data == given.ctypes.data and np.array_equal(back, given)
    part = torch.from_numpy(given[1:, ::2])
    assert part.stride() == (4, 2) and np.array_equal(part.numpy(), given[1:, ::2])
    part.zero_()
    assert not given[1:, ::2].any() and np.array_equal(tensor.numpy(), given)


class Owner(np.ndarray):
    """An array that can be watched."""


def test_arrays_live_as_long_as_tensors_over_them():
    given = np.arange(6.0).view(Owner)
    watched = weakref.ref(given)
    tensor = torch.from_numpy(given)
    view = tensor[2:4]
    del given, tensor
    gc.collect()
    assert watched() is not None and view.tolist() == [2, 3]
    del view
    gc.collect()
    assert watched() is None


def test_tensors_live_as_long_as_arrays_over_them():
    tensor = torch.arange(1000.0)
    made = [tensor.numpy(), tensor.view(10, 100)[3].numpy(), np.asarray(tensor), np.from_dlpack(tensor)]
    expected = [a.copy() for a in made]
    del tensor
    gc.collect()
    others = [torch.full((1000,), -1.0) for _ in range(50)]
    assert all(np.array_equal(a, b) for a, b in zip(made, expected))
    del others


def test_writes_are_seen_on_both_sides():
    tensor = torch.zeros(4)
    seen = tensor.numpy()
    seen[1] = 5
    tensor[2] = 7
    assert tensor.tolist() == seen.tolist() == [0, 5, 7, 0]


def test_tensors_keep_their_memory_in_the_middle_of_training():
    """A view taken before a step of an optimizer sees the step."""
    p = torch.nn.Parameter(torch.ones(3))
    seen = p.detach().numpy()
    (p * 2).sum().backward()
    torch.optim.SGD([p], lr=0.5).step()
    assert seen.tolist() == [0, 0, 0]
    with pytest.raises(RuntimeError, match="requires grad"):
        p.numpy()


def test_read_only_memory_is_not_written():
    given = np.arange(3.0)
    given.flags.writeable = False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns once in a process
        tensor = torch.from_numpy(given)
    with pytest.raises(RuntimeError, match="read-only"):
        tensor.add_(1)
    assert given.tolist() == [0, 1, 2]


def test_numpy_functions_take_tensors():
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert np.asarray(x, dtype=np.int32).dtype == np.int32 and np.linalg.det(x).round() == -2
    assert np.array(x).ctypes.data != x.data_ptr() and np.asarray(x).ctypes.data == x.data_ptr()
    assert np.array(x, copy=None).ctypes.data == x.data_ptr()
    assert isinstance(np.sqrt(x), torch.Tensor) and torch.equal(torch.asarray(np.sqrt(x.numpy())), x.sqrt())
    array_ = np.ones((2, 2), dtype=np.float32)
    array_ += x.numpy()
    assert array_.tolist() == [[2, 3], [4, 5]]


class Interface:
    """Nothing but the dict."""

    def __init__(self, given) -> None:
        self.given = given
        self.__array_interface__ = given.__array_interface__


def test_array_interface():
    given = np.arange(6, dtype=np.int32).reshape(2, 3)
    holder = Interface(given)
    for function in (torch.as_tensor, torch.asarray):
        tensor = function(holder)
        assert tensor.data_ptr() == given.ctypes.data and tensor.tolist() == given.tolist()
    watched = weakref.ref(holder)
    del holder
    gc.collect()
    assert watched() is not None  # the tensor keeps it
    del tensor
    gc.collect()
    assert watched() is None
    assert torch.tensor(Interface(given)).data_ptr() != given.ctypes.data


def test_asarray_copies_only_where_it_must():
    given = np.arange(3.0)
    assert torch.asarray(given).data_ptr() == given.ctypes.data
    assert torch.asarray(given, copy=False).data_ptr() == given.ctypes.data
    assert torch.asarray(given, copy=True).data_ptr() != given.ctypes.data
    assert torch.asarray(given, dtype=torch.float32).dtype == torch.float32
    with pytest.raises(ValueError, match="copy"):
        torch.asarray([1, 2], copy=False)
    with pytest.raises(ValueError, match="copy"):
        torch.asarray(given, dtype=torch.float32, copy=False)
    assert torch.asarray(given, requires_grad=True).requires_grad


# ---- buffers


def test_buffers():
    memory = bytearray(range(16))
    tensor = torch.frombuffer(memory, dtype=torch.int16, offset=2, count=3)
    assert tensor.tolist() == [0x0302, 0x0504, 0x0706]
    tensor.zero_()
    assert memory[2:8] == bytes(6)
    with pytest.raises(BufferError):
        memory.append(1)  # lent
    del tensor
    gc.collect()
    memory.append(1)
    numbers = array.array("d", [1.0, 2.0])
    assert torch.asarray(numbers).dtype == torch.float64
    raw = (ctypes.c_float * 3)(1, 2, 3)
    assert torch.frombuffer(raw, dtype=torch.float32).tolist() == [1, 2, 3]
    assert torch.as_tensor(memoryview(numbers)).tolist() == [1, 2]


def test_storages_lend_their_bytes():
    x = torch.arange(3, dtype=torch.int32)
    view = memoryview(x.untyped_storage())
    assert view.nbytes == 12 and bytes(view[4:8]) == (1).to_bytes(4, sys.byteorder)
    del x
    gc.collect()
    assert bytes(view[8:12]) == (2).to_bytes(4, sys.byteorder)


# ---- DLPack


@pytest.mark.parametrize("name", DTYPES)
def test_dlpack_with_numpy(name):
    given = np.arange(12).astype(name).reshape(3, 4)
    tensor = torch.from_dlpack(given)
    assert tensor.data_ptr() == given.ctypes.data and tensor.tolist() == given.tolist()
    back = np.from_dlpack(tensor)
    assert back.ctypes.data == given.ctypes.data and back.dtype == given.dtype
    part = torch.from_dlpack(given[:, 1::2])
    assert part.stride() == (4, 2) and part.tolist() == given[:, 1::2].tolist()


def _name(capsule) -> str:
    get = ctypes.pythonapi.PyCapsule_GetName
    get.restype, get.argtypes = ctypes.c_char_p, [ctypes.py_object]
    return get(capsule).decode()


@pytest.mark.parametrize("version, name", [(None, "dltensor"), ((0, 8), "dltensor"), ((1, 0), "dltensor_versioned"), ((2, 1), "dltensor_versioned")])
def test_dlpack_versions(version, name):
    x = torch.arange(3.0)
    capsule = x.__dlpack__(max_version=version)
    assert _name(capsule) == name
    y = torch.from_dlpack(capsule)
    assert y.data_ptr() == x.data_ptr() and _name(capsule) == f"used_{name}"
    with pytest.raises(TypeError, match="only once"):
        torch.from_dlpack(capsule)
    assert x.__dlpack_device__() == (1, 0)


def test_dlpack_copies_flags_and_errors():
    x = torch.arange(3.0)
    copied = torch.from_dlpack(x, copy=True)
    assert copied.data_ptr() != x.data_ptr() and copied.tolist() == x.tolist()
    assert torch.from_dlpack(x, copy=False).data_ptr() == x.data_ptr()
    assert torch.from_dlpack(x, device="cpu").data_ptr() == x.data_ptr()
    assert torch.utils.dlpack.from_dlpack(torch.utils.dlpack.to_dlpack(x)).data_ptr() == x.data_ptr()

    given = np.arange(3.0)
    given.flags.writeable = False
    tensor = torch.from_dlpack(given)
    with pytest.raises(RuntimeError, match="read-only"):
        tensor.fill_(1)
    with pytest.raises(BufferError, match="read-only"):
        tensor.__dlpack__()  # a consumer from before version 1 would write
    assert not np.from_dlpack(tensor).flags.writeable

    with pytest.raises(BufferError, match="require gradient"):
        torch.ones(1, requires_grad=True).__dlpack__()
    with pytest.raises(ValueError, match="dl_device"):
        x.__dlpack__(dl_device=(2, 0))
    with pytest.raises(TypeError, match="capsule"):
        torch.from_dlpack(object())
    with pytest.raises(ValueError, match="negative strides"):
        torch.from_dlpack(np.arange(3.0)[::-1])


class Old:
    """A library that knows no versions."""

    def __init__(self, tensor) -> None:
        self.tensor = tensor

    def __dlpack__(self, stream=None):
        return self.tensor.__dlpack__()

    def __dlpack_device__(self):
        return (1, 0)


def test_dlpack_of_libraries_from_before_version_1():
    x = torch.arange(4.0)
    assert torch.from_dlpack(Old(x)).data_ptr() == x.data_ptr()
    assert torch.from_dlpack(Old(x), copy=True).data_ptr() != x.data_ptr()
    assert torch.asarray(Old(x)).data_ptr() == x.data_ptr()


def test_dlpack_lifetimes():
    given = np.arange(6.0).view(Owner)
    watched = weakref.ref(given)
    tensor = torch.from_dlpack(given)
    third = np.from_dlpack(tensor[1:])
    del given, tensor
    gc.collect()
    assert watched() is not None and third.tolist() == [1, 2, 3, 4, 5]
    del third
    gc.collect()
    assert watched() is None
    capsule = torch.ones(3).__dlpack__()
    del capsule  # not consumed: freed all the same


def find_torch() -> str | None:
    """A Python with PyTorch, which is no dependency: this one, or the one that the environment names."""
    if importlib.util.find_spec("torch") is not None:
        return sys.executable
    return os.environ.get("RUSHLIGHT_TORCH_PYTHON")


def test_dlpack_with_pytorch():
    python = find_torch()
    if python is None:
        pytest.skip("no PyTorch here; RUSHLIGHT_TORCH_PYTHON can name a Python that has it")
    code = """
import sys, gc
sys.path.insert(0, sys.argv[1])
import torch, rushlight
for name in "bool uint8 int8 int16 int32 int64 float16 bfloat16 float32 float64 complex64 complex128".split():
    theirs = torch.arange(6).reshape(2, 3).to(getattr(torch, name))
    ours = rushlight.from_dlpack(theirs)
    assert ours.dtype == getattr(rushlight, name) and ours.data_ptr() == theirs.data_ptr(), name
    back = torch.from_dlpack(ours.t())
    assert back.data_ptr() == theirs.data_ptr() and back.stride() == (1, 3) and torch.equal(back, theirs.t()), name
ours = rushlight.zeros(3)
theirs = torch.from_dlpack(ours)
theirs += 1
assert ours.tolist() == [1, 1, 1]
del ours
gc.collect()
assert theirs.sum().item() == 3
print("the same memory")
"""
    package = os.path.dirname(os.path.dirname(torch.__file__))
    result = subprocess.run([python, "-c", code, package], capture_output=True, text=True, timeout=300)
    assert result.stdout == "the same memory\n", result.stderr


# ---- files


def test_from_file(tmp_path):
    path = tmp_path / "numbers.bin"
    tensor = torch.from_file(str(path), shared=True, size=4, dtype=torch.int32)
    assert path.stat().st_size == 16 and tensor.tolist() == [0, 0, 0, 0]
    tensor.copy_(torch.arange(4, dtype=torch.int32))
    assert np.fromfile(path, dtype=np.int32).tolist() == [0, 1, 2, 3]
    private = torch.from_file(path, shared=False, size=3, dtype=torch.int32)
    private.add_(10)
    assert private.tolist() == [10, 11, 12] and tensor.tolist() == [0, 1, 2, 3]
    again = torch.from_file(path, shared=True, size=6, dtype=torch.int32)
    again[0] = 9
    assert tensor[0] == 9 and path.stat().st_size == 24
    assert torch.from_file(path, size=2).dtype == torch.float32
    assert torch.from_file(path, size=2, requires_grad=True).requires_grad
    assert torch.from_file(path, size=0).numel() == 0
    with pytest.raises(RuntimeError, match="has 24 bytes, expected at least 400"):
        torch.from_file(path, size=100)
    with pytest.raises(RuntimeError, match="unable to open"):
        torch.from_file(tmp_path / "missing", size=1)
    storage = torch.UntypedStorage.from_file(str(path), True, 8)
    assert storage.nbytes() == 8 and storage[0] == 9
    assert torch.IntStorage.from_file(str(path), True, 3).tolist() == [9, 1, 2]


def test_a_mapped_file_is_seen_by_another_process(tmp_path):
    path = tmp_path / "shared.bin"
    tensor = torch.from_file(path, shared=True, size=3)
    code = (
        "import sys; sys.path.insert(0, sys.argv[2]); import rushlight as torch; "
        "torch.from_file(sys.argv[1], shared=True, size=3).copy_(torch.tensor([1., 2., 3.]))"
    )
    package = os.path.dirname(os.path.dirname(torch.__file__))
    subprocess.run([sys.executable, "-c", code, str(path), package], check=True, timeout=60)
    assert tensor.tolist() == [1, 2, 3]


# ---- compilers


def test_numba_works_on_views():
    numba = pytest.importorskip("numba", reason="numba is not installed")

    @numba.njit
    def running_sum(values):
        for i in range(1, len(values)):
            values[i] += values[i - 1]

    x = torch.arange(5.0)
    running_sum(x.numpy())
    assert x.tolist() == [0, 1, 3, 6, 10]


CYTHON = """
def running_sum(double[:] values):
    cdef Py_ssize_t i
    for i in range(1, values.shape[0]):
        values[i] += values[i - 1]
"""


def test_cython_works_on_views(tmp_path):
    pytest.importorskip("Cython", reason="Cython is not installed")
    setuptools = pytest.importorskip("setuptools", reason="setuptools is not installed")
    import shutil

    if shutil.which("cc") is None and shutil.which("gcc") is None and shutil.which("clang") is None:
        pytest.skip("no C compiler is installed")
    assert setuptools
    (tmp_path / "running.pyx").write_text(CYTHON)
    code = (
        "from setuptools import setup; from Cython.Build import cythonize; "
        "setup(name='running', ext_modules=cythonize('running.pyx', language_level=3), "
        "script_args=['-q', 'build_ext', '--inplace'])"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True, timeout=300)
    (built,) = [p for p in tmp_path.iterdir() if p.name.startswith("running.") and p.suffix in (".so", ".pyd")]
    spec = importlib.util.spec_from_file_location("running", built)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    x = torch.arange(6, dtype=torch.float64)
    module.running_sum(x.numpy()[::2])  # every second one, in place
    assert x.tolist() == [0, 1, 2, 3, 6, 5]
