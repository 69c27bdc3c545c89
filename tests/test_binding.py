"""The boundary: overloads, arguments, errors, subclasses, one face for one tensor, text from the table."""

from __future__ import annotations

import copy
import gc
import inspect
import pickle
import subprocess
import sys
import threading
import warnings
import weakref

import pytest

import rushlight as torch
from rushlight import _rushlight


def test_every_row_takes_what_its_schema_says() -> None:
    assert _rushlight._check_table() == []


def test_signatures_and_docs() -> None:
    assert str(inspect.signature(torch.zeros_like)).startswith("(input, *, dtype=None")
    assert str(inspect.signature(torch.Tensor.exp)) == "(self, /)"
    assert "add" in torch.add.__doc__


def test_import_is_light() -> None:
    code = "import sys, rushlight; print([m for m in ('numpy', 'wgpu', 'rushlight.nn', 'rushlight.optim') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_missing_names_say_so() -> None:
    with pytest.raises(AttributeError, match="no_such_name.*Rushlight"):
        torch.no_such_name  # noqa: B018


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda x: torch.add(x), TypeError, "missing 1 required positional arguments"),
        (lambda x: x.add("x"), TypeError, r"add\(\): argument 'other' \(position 1\) must be Tensor, not str"),
        (lambda x: x.add(2, alpha="x"), TypeError, "argument 'alpha' must be Number, not str"),
        (lambda x: x.add(x, foo=1), TypeError, "unexpected keyword argument 'foo'"),
        (lambda x: x.add(x, other=x), TypeError, "multiple values for argument 'other'"),
        (lambda x: x.add(x, out=x), TypeError, "unexpected keyword argument 'out'"),
        (lambda x: x.exp(1), TypeError, "takes 0 positional arguments but 1 was given"),
        (lambda x: x.sum("a", "b", "c"), TypeError, "takes from 1 to 2 positional arguments but 3 were given|invalid combination"),
        (lambda x: x.view(2, "a"), TypeError, "must be tuple of ints, not str"),
        (lambda x: x.view(1.5), TypeError, "must be tuple of ints, not float"),
        (lambda x: x.view(7), RuntimeError, "is invalid for input of size 6"),
        (lambda x: torch.exp("x"), TypeError, r"exp\(\): argument 'input' \(position 1\) must be Tensor, not str"),
        (lambda x: x + "x", TypeError, r"unsupported operand type\(s\) for \+: 'Tensor' and 'str'"),
        (lambda x: x + torch.zeros(5), RuntimeError, "must match the size|broadcast"),
        (lambda x: x + 2**70, RuntimeError, "Overflow"),
        (lambda x: torch.zeros(-1), RuntimeError, "negative dimension"),
        (lambda x: torch.empty(2**62), RuntimeError, "not enough memory"),
        (lambda x: x.transpose(0, 5), IndexError, "out of range"),
        (lambda x: torch.device("foo"), RuntimeError, "device type at start of device string"),
        (lambda x: x.to("cuda"), RuntimeError, "'cuda' is not available"),
        (lambda x: x.set_default, AttributeError, "set_default"),
        (lambda x: torch.set_default_dtype(torch.int64), TypeError, "floating-point"),
    ],
)
def test_wrong_calls(call, error, words) -> None:
    with pytest.raises(error, match=words):
        call(torch.ones(2, 3))


def test_keywords_and_numpy_names() -> None:
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert torch.sum(x, axis=0).tolist() == torch.sum(input=x, dim=0).tolist() == [4, 6]
    assert x.sum(1, keepdims=True).shape == (2, 1)
    assert x.view(4).shape == x.view((4,)).shape == x.view([-1]).shape == x.view(size=(4,)).shape


def test_tensors_and_index_objects_stand_for_ints() -> None:
    class Two:
        def __index__(self) -> int:
            return 2

    assert torch.zeros(Two(), torch.tensor(3)).shape == (2, 3)
    assert torch.zeros(torch.Size([2, 3])).shape == (2, 3)
    assert torch.full((2,), torch.tensor(5.0)).tolist() == [5, 5]


def test_old_order_of_arguments_warns() -> None:
    x = torch.ones(2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert torch.add(x, 2, x).tolist() == [3, 3]
        assert x.clone().sub_(2, x).tolist() == [-1, -1]


def test_out() -> None:
    x, out = torch.ones(3), torch.zeros(3)
    assert torch.add(x, x, out=out) is out
    assert out.tolist() == [2, 2, 2]
    empty = torch.empty(0)
    assert torch.add(x, x, out=empty) is empty and empty.tolist() == [2, 2, 2]
    with pytest.warns(UserWarning, match="resized"):
        torch.add(x, x, out=torch.zeros(4))
    with pytest.raises(RuntimeError, match="can't be cast"):
        torch.exp(x, out=torch.zeros(3, dtype=torch.int64))
    with pytest.raises(RuntimeError, match="automatic differentiation"):
        torch.exp(torch.ones(3, requires_grad=True), out=out)


def test_in_place() -> None:
    x = torch.ones(3)
    y = x
    x += 1
    assert x is y and x.add_(1) is x and x.tolist() == [3, 3, 3]
    assert torch.exp_(torch.zeros(1)).tolist() == [1]
    with pytest.raises(RuntimeError, match="can't be cast"):
        torch.ones(2, dtype=torch.int64).add_(0.5)


def test_the_same_tensor_is_the_same_object() -> None:
    x = torch.ones(2, requires_grad=True)
    assert x.add_ is not None and x.requires_grad_() is x
    (x * 2).sum().backward()
    assert x.grad is x.grad
    x.extra = 5
    ref = weakref.ref(x)
    assert ref().extra == 5
    del x
    assert ref() is None


def test_cycles_are_collected() -> None:
    x = torch.ones(2)
    x.me = x
    ref = weakref.ref(x)
    del x
    gc.collect()
    assert ref() is None


def test_data_exchanges_the_memory() -> None:
    x = torch.ones(2, requires_grad=True)
    same = x
    y = (x * 3).sum()
    x.data = torch.zeros(2)
    assert same is x and x.tolist() == [0, 0]
    y.backward()
    assert x.grad.tolist() == [3, 3]
    with pytest.raises(TypeError, match="has to be a tensor"):
        x.data = 5
    w = torch.ones(2, requires_grad=True)
    z = (w * w).sum()
    w.data.mul_(2)  # unnoticed, as in PyTorch
    z.backward()
    assert w.tolist() == [2, 2]


def test_data_is_exchanged_while_others_read() -> None:
    x = torch.ones(1 << 20)
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            x.data = torch.ones(1 << 20)

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        for _ in range(20):
            assert (x + x).sum().item() == 2 << 20
    finally:
        stop.set()
        thread.join()


class Parameter(torch.Tensor):
    __torch_function__ = _rushlight._disabled_torch_function_impl


class Plain(torch.Tensor):
    pass


class Logging(torch.Tensor):
    seen: list = []

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        cls.seen.append(func.__name__)
        return super().__torch_function__(func, types, args, kwargs)


class Duck:
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        return "duck"


def test_subclasses() -> None:
    p = torch.Tensor._make_subclass(Parameter, torch.ones(2), True)
    assert type(p) is Parameter and p.requires_grad and type(p + p) is torch.Tensor and p.requires_grad_() is p
    s = torch.ones(2).as_subclass(Plain)
    assert {type(s + 1), type(s.exp()), type(s[0]), type(torch.add(s, 1))} == {Plain}
    log = torch.ones(2).as_subclass(Logging)
    assert type(torch.add(log, 1)) is type(log + 1) is Logging
    assert Logging.seen[-2:] == ["add", "__add__"]
    assert torch.add(torch.ones(1), Duck()) == torch.exp(Duck()) == torch.ones(1) + Duck() == "duck"


def test_copies_and_pickles() -> None:
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    x.note = "hello"
    for y in (copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        assert y.tolist() == x.tolist() and y.requires_grad and y.note == "hello" and y is not x
    base = torch.arange(4) if hasattr(torch, "arange") else torch.tensor([0, 1, 2, 3])
    views = [base[:2], base[2:]]
    a, b = copy.deepcopy(views)
    assert a.untyped_storage()._cdata == b.untyped_storage()._cdata != base.untyped_storage()._cdata
    with pytest.raises(RuntimeError, match="graph leaves"):
        copy.deepcopy(x * 2)
    for value in (torch.float32, torch.strided, torch.channels_last, torch.device("cpu"), torch.Size([1, 2]), torch.add):
        assert pickle.loads(pickle.dumps(value)) == value


def test_size() -> None:
    size = torch.Size([2, 3])
    assert size == (2, 3) and repr(size) == "torch.Size([2, 3])" and size.numel() == 6
    assert type(size[:1]) is type(size + (1,)) is type(torch.ones(2).shape) is torch.Size
    with pytest.raises(TypeError):
        torch.Size([1.5])


def test_dtypes_devices_formats() -> None:
    assert repr(torch.float32) == "torch.float32" and torch.float is torch.float32 and torch.long is torch.int64
    assert (torch.bfloat16.itemsize, torch.complex64.is_complex, torch.int8.is_signed, torch.uint8.is_signed) == (2, True, True, False)
    assert torch.complex64.to_real() is torch.float32 and torch.float64.to_complex() is torch.complex128
    assert repr(torch.device("cuda:1")) == "device(type='cuda', index=1)" and str(torch.device("cuda", 1)) == "cuda:1"
    assert torch.device("cpu") == torch.device("cpu") and hash(torch.device("cpu")) == hash(torch.device("cpu"))
    x = torch.zeros(2, 3, 4, 5).to(memory_format=torch.channels_last)
    assert x.stride() == (60, 1, 15, 3) and x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous()
    assert x.to(torch.float64).dtype is x.double().dtype is torch.float64
    assert x.to("cpu") is x and x.to(torch.zeros(1, dtype=torch.int32)).dtype is torch.int32
    assert torch.ones(1).type() == "torch.FloatTensor" and torch.ones(1).type("torch.LongTensor").dtype is torch.int64
    assert isinstance(torch.ones(1), torch.FloatTensor) and torch.DoubleTensor([1]).dtype is torch.float64


def test_python_protocols() -> None:
    x = torch.tensor([[1, 2], [3, 4]])
    assert len(x) == 2 and [row.tolist() for row in x] == [[1, 2], [3, 4]]
    one = torch.tensor([2.5])
    assert float(one) == 2.5 and int(one) == 2 and bool(one) and complex(one) == 2.5 and f"{one[0]:.2f}" == "2.50"
    assert [10, 20, 30][torch.tensor(1)] == 20
    with pytest.raises(TypeError):
        [10, 20][torch.tensor(1.0)]
    for fail in (bool, int):
        with pytest.raises(RuntimeError):
            fail(x)
    with pytest.raises(TypeError, match="0-d"):
        len(torch.tensor(1))
    assert x in {x} and hash(x) == hash(x)
    assert "shape" in dir(x)


def test_a_float_stays_itself_through_threads() -> None:
    results = []

    def work() -> None:
        x = torch.ones(1000)
        for _ in range(200):
            x = x + 1
        results.append(x.sum().item())

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [201000.0] * 4


def test_hooks_are_collected_with_their_tensor() -> None:
    x = torch.ones(2, requires_grad=True)
    x.register_hook(lambda grad: x)  # noqa: F821
    ref = weakref.ref(x)
    del x
    gc.collect()
    assert ref() is None

    x = torch.ones(2, requires_grad=True)
    seen = []
    x.register_hook(lambda grad: seen.append(True))
    y = (x * 2).sum()
    del x
    gc.collect()
    y.backward()
    assert seen == [True]


def test_function_modes_and_handle_torch_function() -> None:
    from rushlight.overrides import TorchFunctionMode, has_torch_function, resolve_name, wrap_torch_function

    class Count(TorchFunctionMode):
        def __init__(self) -> None:
            self.names: list = []

        def __torch_function__(self, func, types, args=(), kwargs=None):
            self.names.append(resolve_name(func))
            return func(*args, **(kwargs or {}))

    x = torch.ones(2)
    with Count() as outer, Count() as inner:
        torch.add(x, 1)
        x.exp()
        x + 1
    assert inner.names == outer.names == ["torch.add", "torch.Tensor.exp", "torch.Tensor.__add__"]
    x.exp()
    assert len(outer.names) == 3

    @wrap_torch_function(lambda a, b: (a, b))
    def mine(a, b):
        return "plain"

    assert mine(1, 2) == "plain" and mine(1, Duck()) == "duck"
    assert has_torch_function((x, Duck())) and not has_torch_function((x, 1))


def test_fork() -> None:
    code = """
import os, rushlight as torch
x = torch.ones(1 << 20)
(x + x).sum().item()
pid = os.fork()
if pid == 0:
    os._exit(0 if (x + x).sum().item() == 2 << 20 else 1)
raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


def test_ctrl_c_stops_backward() -> None:
    code = """
import os, signal, threading, rushlight as torch
x = torch.ones(10, requires_grad=True)
y = x
for _ in range(100000):
    y = y * 1.0
y.register_hook(lambda grad: os.kill(os.getpid(), signal.SIGINT))
try:
    y.sum().backward()
except KeyboardInterrupt:
    raise SystemExit(5 if x.grad is None else 6)
"""
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 5
