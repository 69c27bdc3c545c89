"""Autograd from Python: backward and grad, hooks, nodes, custom functions, modes, checks."""

from __future__ import annotations

import math
import threading

import pytest

import rushlight as torch
from rushlight.autograd import Function, functional, gradcheck, gradgradcheck
from rushlight.autograd.function import once_differentiable
from rushlight.autograd.graph import Node, saved_tensors_hooks


def leaf(*values: float, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.tensor(values, dtype=dtype, requires_grad=True)


# ---------------------------------------------------------------- backward and grad


def test_backward_gathers() -> None:
    x = leaf(1, 2)
    (x * x).sum().backward()
    (x * 3).sum().backward()
    assert x.grad.tolist() == [5, 7]
    x.grad = None
    torch.autograd.backward([(x * 2).sum(), x * 3], [None, torch.ones(2, dtype=torch.float64)])
    assert x.grad.tolist() == [5, 5]


def test_backward_of_chosen_inputs() -> None:
    x, y = leaf(1), leaf(2)
    (x * y).sum().backward(inputs=[x])
    assert x.grad.tolist() == [2] and y.grad is None
    with pytest.raises(RuntimeError, match="cannot be empty"):
        (x * y).sum().backward(inputs=[])


def test_grad() -> None:
    x, y = leaf(2), leaf(3)
    z = (x * x * y).sum()
    dx, dy = torch.autograd.grad(z, (x, y), create_graph=True)
    assert (dx.item(), dy.item(), x.grad) == (12, 4, None)
    assert torch.autograd.grad(dx, y)[0].item() == 4
    unused = leaf(1)
    with pytest.raises(RuntimeError, match="not have been used in the graph"):
        torch.autograd.grad((x * 2).sum(), unused)
    assert torch.autograd.grad((x * 2).sum(), unused, allow_unused=True) == (None,)
    assert torch.autograd.grad((x * 2).sum(), unused, materialize_grads=True)[0].item() == 0


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x: (x * 2).backward(), "grad can be implicitly created only for scalar outputs"),
        (lambda x: x.detach().sum().backward(), "does not require grad"),
        (lambda x: (x * 2).backward(torch.ones(3)), "Mismatch in shape|shape"),
        (lambda x: torch.autograd.grad(x.sum(), x.detach()), "does not require grad"),
        (lambda x: x.add_(1), "a leaf Variable that requires grad is being used in an in-place operation"),
        (lambda x: x.long().requires_grad_(), "floating point"),
        (lambda x: (x * 2).requires_grad_(False), "leaf"),
        (lambda x: x.detach().register_hook(print), "doesn't require gradient"),
        (lambda x: x.detach().retain_grad(), "retain_grad"),
    ],
)
def test_what_cannot_be(call, words) -> None:
    with pytest.raises(RuntimeError, match=words):
        call(leaf(1, 2))


def test_graph_is_freed_unless_retained() -> None:
    x = leaf(1, 2)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.tolist() == [4, 8]
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        y.backward()


def test_saved_tensors_are_watched() -> None:
    x = leaf(1, 2)
    y = x * 2
    z = y * y
    y.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.sum().backward()


def test_in_place_on_views() -> None:
    x = leaf(1, 2, 3)
    y = x * 1
    y[1:].mul_(10)
    y.sum().backward()
    assert x.grad.tolist() == [1, 10, 10]


def test_grad_is_checked() -> None:
    x = leaf(1, 2)
    x.grad = torch.ones(2, dtype=torch.float64)
    for bad, error in ((5, TypeError), (torch.ones(3, dtype=torch.float64), RuntimeError), (torch.ones(2), RuntimeError), (x, RuntimeError)):
        with pytest.raises(error, match="assigned grad|own grad"):
            x.grad = bad
    del x.grad
    assert x.grad is None


def test_a_million_nodes() -> None:
    x = torch.ones(1, requires_grad=True)
    y = x
    for _ in range(200_000):
        y = y + 1
    y.sum().backward()
    assert x.grad.item() == 1
    del y


# ---------------------------------------------------------------- hooks and nodes


def test_tensor_hooks() -> None:
    x = leaf(1, 2)
    seen = []
    y = x * 2
    handle = y.register_hook(lambda grad: seen.append(grad.tolist()))
    y.register_hook(lambda grad: grad * 10)
    y.retain_grad()
    y.sum().backward(retain_graph=True)
    assert seen == [[1, 1]] and x.grad.tolist() == [20, 20] and y.grad.tolist() == [10, 10] and y.retains_grad
    handle.remove()
    y.sum().backward()
    assert len(seen) == 1


def test_leaf_and_accumulated_hooks() -> None:
    x = leaf(1, 2)
    seen = []
    x.register_hook(lambda grad: grad * 2)
    x.register_post_accumulate_grad_hook(lambda p: seen.append((p is x, p.grad.tolist())))
    (x * 3).sum().backward()
    assert seen == [(True, [6, 6])]


def test_exceptions_pass_through() -> None:
    class Mine(Exception):
        pass

    def fail(grad):
        raise Mine("here")

    y = leaf(1) * 2
    y.register_hook(fail)
    with pytest.raises(Mine, match="here"):
        y.sum().backward()
    y = leaf(1) * 2
    y.register_hook(lambda grad: "no tensor")
    with pytest.raises(TypeError, match="hook returned 'str'"):
        y.sum().backward()


def test_nodes() -> None:
    x = leaf(1, 2)
    y = (x * x).sum()
    node = y.grad_fn
    assert isinstance(node, Node) and node.name() == type(node).__name__ == "SumBackward0" and node == y.grad_fn
    (mul, _), *_ = node.next_functions
    assert mul.name() == "MulBackward0"
    assert mul.next_functions[0][0].name().endswith("AccumulateGrad")
    seen = []
    node.register_prehook(lambda grads: seen.append("before"))
    mul.register_hook(lambda inputs, outputs: (inputs[0] * 0, inputs[1]))
    mul.metadata["a"] = 1
    assert mul.metadata == {"a": 1}
    y.backward()
    assert seen == ["before"] and x.grad.tolist() == [1, 2]
    assert x.grad_fn is None and x.is_leaf and not y.is_leaf


def test_saved_tensors_go_through_hooks() -> None:
    x = leaf(1, 2)
    packed = []

    def pack(tensor):
        packed.append(tensor.requires_grad)
        return tensor.tolist()

    with saved_tensors_hooks(pack, lambda values: torch.tensor(values, dtype=torch.float64)):
        y = (x * x).sum()
        z = x.exp().sum()
    y.backward()
    assert x.grad.tolist() == [2, 4] and packed == [False] * len(packed) and len(packed) >= 3
    (first,) = torch.autograd.grad(z, x, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), x)
    assert second.tolist() == pytest.approx([math.e, math.e**2])


# ---------------------------------------------------------------- modes


def test_modes() -> None:
    x = leaf(1)
    with torch.no_grad():
        assert not torch.is_grad_enabled() and not (x * 2).requires_grad
        with torch.enable_grad():
            assert (x * 2).requires_grad

    @torch.no_grad()
    def f():
        return x * 2

    @torch.no_grad
    def g():
        return x * 2

    @torch.no_grad()
    def steps():
        for _ in range(2):
            assert not torch.is_grad_enabled()
            yield x * 2

    assert not f().requires_grad and not g().requires_grad
    for y in steps():
        assert torch.is_grad_enabled() and not y.requires_grad
    torch.set_grad_enabled(False)
    assert not torch.is_grad_enabled()
    torch.set_grad_enabled(True)
    with torch.set_grad_enabled(False):
        assert not torch.is_grad_enabled()
    assert torch.is_grad_enabled()


def test_modes_belong_to_their_thread() -> None:
    seen = []
    with torch.no_grad():
        thread = threading.Thread(target=lambda: seen.append(torch.is_grad_enabled()))
        thread.start()
        thread.join()
    assert seen == [True]


def test_inference_mode() -> None:
    x = leaf(1)
    with torch.inference_mode():
        assert torch.is_inference_mode_enabled() and not torch.is_grad_enabled()
        y = x * 2
    assert y.is_inference() and not y.requires_grad
    with pytest.raises(RuntimeError, match="[Ii]nference"):
        y.requires_grad_()
    with pytest.raises(RuntimeError, match="version"):
        y._version  # noqa: B018


def test_anomaly_names_the_line() -> None:
    with torch.autograd.set_detect_anomaly(True):
        x = torch.zeros(1, requires_grad=True)
        y = (x.sqrt() * 0).sum()  # the line that is named
        with pytest.raises(RuntimeError, match="nan values") as caught:
            y.backward()
    assert "the line that is named" in str(caught.value) and "test_autograd.py" in str(caught.value)
    with pytest.warns(UserWarning, match="Anomaly"), torch.autograd.detect_anomaly():
        assert torch.is_anomaly_enabled()
    assert not torch.is_anomaly_enabled()


# ---------------------------------------------------------------- custom functions


class Cube(Function):
    @staticmethod
    def forward(ctx, x, factor=1):
        ctx.save_for_backward(x)
        ctx.factor = factor
        return x * x * x * factor

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return 3 * x * x * grad * ctx.factor, None


def test_function() -> None:
    x = leaf(1, 2)
    y = Cube.apply(x, 2)
    assert y.grad_fn.name() == "CubeBackward" and y.requires_grad and y.grad_fn.factor == 2
    assert y.grad_fn.saved_tensors[0] is x
    y.sum().backward()
    assert x.grad.tolist() == [6, 24]
    assert gradcheck(lambda t: Cube.apply(t, 2), (x,)) and gradgradcheck(lambda t: Cube.apply(t, 2), (x,))
    with pytest.raises(RuntimeError, match="freed"):
        y.grad_fn.saved_tensors  # noqa: B018
    assert not Cube.apply(x.detach()).requires_grad
    with torch.no_grad():
        assert not Cube.apply(x).requires_grad
    with pytest.raises(RuntimeError, match="should not be instantiated"):
        Cube()


def test_setup_context() -> None:
    class Scale(Function):
        @staticmethod
        def forward(x, factor):
            return x * factor

        @staticmethod
        def setup_context(ctx, inputs, output):
            x, ctx.factor = inputs
            ctx.save_for_backward(x, None, output)

        @staticmethod
        def backward(ctx, grad):
            x, none, output = ctx.saved_tensors
            assert none is None and output.tolist() == (x * ctx.factor).tolist()
            assert ctx.needs_input_grad == (True, False)
            return grad * ctx.factor, None

    x = leaf(1, 2)
    Scale.apply(x, factor=3).sum().backward()
    assert x.grad.tolist() == [3, 3]


def test_several_outputs() -> None:
    class Two(Function):
        @staticmethod
        def forward(ctx, x):
            places = x.detach() > 1
            ctx.mark_non_differentiable(places)
            ctx.set_materialize_grads(False)
            return x * 2, x * 3, places, "text"

        @staticmethod
        def backward(ctx, a, b, c):
            assert b is None and c is None
            return a * 2

    x = leaf(1, 2)
    a, b, places, text = Two.apply(x)
    assert text == "text" and b.requires_grad and not places.requires_grad
    a.sum().backward()
    assert x.grad.tolist() == [2, 2]


def test_inputs_that_go_through_and_dirty_ones() -> None:
    class Through(Function):
        @staticmethod
        def forward(ctx, x):
            return x

        @staticmethod
        def backward(ctx, grad):
            return grad * 5

    x = leaf(1)
    y = Through.apply(x)
    assert y is not x
    y.sum().backward()
    assert x.grad.tolist() == [5]

    class AddOne(Function):
        @staticmethod
        def forward(ctx, x):
            x.add_(1)
            ctx.mark_dirty(x)
            return x

        @staticmethod
        def backward(ctx, grad):
            return grad * 7

    x = leaf(1)
    y = x * 1
    assert AddOne.apply(y) is y and y.tolist() == [2]
    y.sum().backward()
    assert x.grad.tolist() == [7]
    with pytest.raises(RuntimeError, match="leaf Variable"):
        AddOne.apply(leaf(1))


def test_wrong_functions() -> None:
    def make(back):
        class F(Function):
            @staticmethod
            def forward(ctx, x, k):
                return x * k

            backward = staticmethod(back)

        return F.apply(leaf(1, 2), 3).sum()

    with pytest.raises(RuntimeError, match=r"incorrect number of gradients \(expected 2, got 1\)"):
        make(lambda ctx, grad: grad).backward()
    with pytest.raises(TypeError, match="expected Variable or None"):
        make(lambda ctx, grad: (1, None)).backward()
    with pytest.raises(RuntimeError, match="different from None at position 2"):
        make(lambda ctx, grad: (grad, grad)).backward()
    with pytest.raises(RuntimeError, match="gradient of shape"):
        make(lambda ctx, grad: (torch.ones(5), None)).backward()
    with pytest.raises(ZeroDivisionError):
        make(lambda ctx, grad: 1 / 0).backward()


def test_once_differentiable() -> None:
    class Once(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        @once_differentiable
        def backward(ctx, grad):
            return grad * 2

    x = leaf(1)
    Once.apply(x).sum().backward()
    assert x.grad.tolist() == [2]
    (grad,) = torch.autograd.grad((Once.apply(x) * x).sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        grad.sum().backward()


# ---------------------------------------------------------------- checks and functional


def test_gradcheck_finds_a_wrong_gradient() -> None:
    class Wrong(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, grad):
            return grad * 3

    with pytest.raises(RuntimeError, match="Jacobian mismatch"):
        gradcheck(Wrong.apply, (leaf(1, 2),))
    assert not gradcheck(Wrong.apply, (leaf(1, 2),), raise_exception=False)
    with pytest.raises(ValueError, match="at least one input"):
        gradcheck(torch.exp, (torch.ones(1),))


@pytest.mark.parametrize(
    ("func", "count"), [(torch.exp, 1), (torch.mul, 2), (torch.div, 2), (lambda a, b: (a * b, a + b), 2), (lambda x: x * 2, 1)]
)
@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
def test_gradcheck(func, count, dtype) -> None:
    values = [0.5, 1.5, -1.0]
    if dtype.is_complex:
        values = [complex(v, 0.5 - v) for v in values]
    inputs = tuple(torch.tensor(values, dtype=dtype, requires_grad=True) for _ in range(count))
    assert gradcheck(func, inputs) and gradgradcheck(func, inputs)


def test_functional() -> None:
    x, v = leaf(1, 2), torch.ones(2, dtype=torch.float64)

    def cube_sum(t):
        return (t * t * t).sum()

    assert functional.vjp(lambda t: t * t, x, v)[1].tolist() == [2, 4]
    assert functional.jvp(lambda t: t * t, x, v)[1].tolist() == [2, 4]
    assert functional.vhp(cube_sum, x, v)[1].tolist() == [6, 12]
    assert functional.hvp(cube_sum, x, v)[1].tolist() == [6, 12]
    with pytest.raises(RuntimeError, match="invalid size"):
        functional.vjp(lambda t: t * t, x, torch.ones(3))
    with pytest.raises(TypeError, match="must be Tensor"):
        functional.vjp(lambda t: 5, x, v)
    with pytest.raises(NotImplementedError, match="forward-mode"):
        torch.autograd.forward_ad.dual_level()
