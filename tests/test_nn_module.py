"""`nn.Module`: attributes, registries, hooks, saving and loading, and errors that say where they happened."""

from __future__ import annotations

import copy
import gc
import pickle
import warnings
import weakref
from collections import OrderedDict

import pytest

import rushlight as torch
from rushlight import nn


class Net(nn.Module):
    """Two layers, a buffer that is saved and one that is not."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(3, 4)
        self.fc2 = nn.Linear(4, 2)
        self.scale = nn.Parameter(torch.ones(2))
        self.register_buffer("count", torch.zeros(1))
        self.register_buffer("scratch", torch.zeros(1), persistent=False)

    def forward(self, x):
        return self.fc2(torch.relu(self.fc1(x))) * self.scale


class Pass(nn.Module):
    """Gives back its input, or raises what it was told to."""

    def __init__(self, error: BaseException | None = None) -> None:
        super().__init__()
        self.error = error

    def forward(self, x, *args, **kwargs):
        if self.error is not None:
            raise self.error
        return x


def equal_states(a: nn.Module, b: nn.Module) -> bool:
    x, y = a.state_dict(), b.state_dict()
    return list(x) == list(y) and all(torch.equal(x[k], y[k]) for k in x)


# ---- attributes


def test_names_and_order():
    net = Net()
    assert [n for n, _ in net.named_parameters()] == ["scale", "fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"]
    assert [n for n, _ in net.named_buffers()] == ["count", "scratch"]
    assert [n for n, _ in net.named_modules()] == ["", "fc1", "fc2"]
    assert [n for n, _ in net.named_children()] == ["fc1", "fc2"]
    assert list(net.state_dict()) == ["scale", "count", "fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"]
    assert [n for n, _ in net.named_parameters(prefix="net", recurse=False)] == ["net.scale"]


def test_attributes_follow_the_registries():
    net = Net()
    weight, layer = nn.Parameter(torch.zeros(2)), nn.Linear(1, 1)
    net._parameters["scale"] = weight
    assert net.scale is weight
    net._modules["fc1"] = layer
    assert net.fc1 is layer
    del net._modules["fc1"]
    assert not hasattr(net, "fc1")
    net._buffers.update(count=torch.ones(1))
    assert net.count.item() == 1
    assert net._parameters.pop("scale") is weight and "scale" not in dir(net)
    net._parameters.setdefault("scale", weight)
    assert net.scale is weight
    net._modules = OrderedDict(other=layer)
    assert net.other is layer and not hasattr(net, "fc2")
    net._buffers.clear()
    assert not hasattr(net, "count")


def test_assignment_rules():
    net = Net()
    with pytest.raises(TypeError, match="as parameter 'scale'"):
        net.scale = torch.ones(2)
    with pytest.raises(TypeError, match="as child module 'fc1'"):
        net.fc1 = 3
    with pytest.raises(TypeError, match="as buffer 'count'"):
        net.count = "no"
    net.count = torch.full((1,), 5.0)
    assert net._buffers["count"].item() == 5
    net.scale = None
    assert net._parameters["scale"] is None and "scale" not in net.state_dict()
    net.plain = torch.ones(1)
    assert "plain" not in net.state_dict() and net.plain.item() == 1
    net.plain = nn.Parameter(torch.zeros(1))  # a plain attribute becomes a parameter, a buffer a module
    assert "plain" in net._parameters
    with pytest.raises(TypeError, match="as parameter 'plain'"):
        net.plain = nn.ReLU()
    net.count = nn.ReLU()
    assert "count" in net._modules and "count" not in net._buffers
    net.extra = nn.Buffer(torch.ones(1), persistent=False)
    assert "extra" in net._buffers and "extra" not in net.state_dict()
    del net.fc1
    with pytest.raises(AttributeError, match="'Net' object has no attribute 'fc1'"):
        net.fc1


def test_before_init():
    class Early(nn.Module):
        def __init__(self, value):
            self.number = 3
            self.value = value
            super().__init__()

    assert Early(1).number == 3
    with pytest.raises(AttributeError, match=r"cannot assign module before Module.__init__\(\) call"):
        Early(nn.ReLU())
    with pytest.raises(AttributeError, match=r"cannot assign parameters before Module.__init__\(\) call"):
        Early(nn.Parameter(torch.ones(1)))
    with pytest.raises(TypeError, match="unexpected keyword argument 'size'"):
        nn.Module(size=3)
    with pytest.raises(TypeError, match="takes 1 positional argument but 2 were given"):
        nn.Module(1)


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        (3, TypeError, "should be a string"),
        ("a.b", KeyError, "contain"),
        ("", KeyError, "empty"),
        ("fc1", KeyError, "already exists"),
    ],
)
def test_registration_names(name, kind, message):
    net = Net()
    for register, value in (
        (net.register_buffer, torch.ones(1)),
        (net.register_parameter, nn.Parameter(torch.ones(1))),
    ):
        with pytest.raises(kind, match=message):
            register(name, value)
    with pytest.raises(KeyError, match="already exists"):
        net.add_module("scale", nn.ReLU())


def test_registration_values():
    net = Net()
    with pytest.raises(TypeError, match="to buffer 'x'"):
        net.register_buffer("x", 3)
    with pytest.raises(TypeError, match="to parameter 'x'"):
        net.register_parameter("x", torch.ones(1))
    with pytest.raises(TypeError, match="is not a Module subclass"):
        net.add_module("x", 3)

    class Computed(nn.Parameter):
        grad_fn = "a node"

    with pytest.raises(ValueError, match="Cannot assign non-leaf Tensor to parameter 'x'"):
        net.register_parameter("x", Computed(torch.ones(1)))


def test_properties_and_methods_of_subclasses():
    class WithProperty(nn.Module):
        def __init__(self):
            super().__init__()
            self._value = 1

        @property
        def value(self):
            return self._value

        @value.setter
        def value(self, new):
            self._value = new * 2

    m = WithProperty()
    m.value = 3
    m.value = 4
    assert m.value == 8 and "value" not in m.__dict__

    class WithGetattr(nn.Module):
        def __getattr__(self, name):
            if name == "magic":
                return 42
            return super().__getattr__(name)

    m = WithGetattr()
    m.layer = nn.Linear(1, 1)
    assert m.magic == 42 and isinstance(m.layer, nn.Linear)
    with pytest.raises(AttributeError):
        m.nothing


def test_paths():
    net = nn.Sequential(Net(), nn.ModuleList([nn.Linear(2, 2)]))
    assert net.get_submodule("") is net and net.get_submodule("1.0") is net[1][0]
    assert net.get_parameter("0.fc1.weight") is net[0].fc1.weight
    assert net.get_buffer("0.count") is net[0].count
    for call, message in (
        (lambda: net.get_submodule("0.nope"), "Net has no attribute `nope`"),
        (lambda: net.get_submodule("0.scale"), "`scale` is not an nn.Module"),
        (lambda: net.get_parameter("0.count"), "`count` is not an nn.Parameter"),
        (lambda: net.get_buffer("0.scale"), "`scale` is not a buffer"),
        (lambda: net.set_submodule("0.nope", nn.ReLU(), strict=True), "Net has no attribute `nope`"),
    ):
        with pytest.raises(AttributeError, match=message):
            call()
    with pytest.raises(ValueError, match="without a target name"):
        net.set_submodule("", nn.ReLU())
    new = nn.Linear(4, 5)
    net.set_submodule("0.fc2", new)
    assert net[0].fc2 is new


def test_sharing_is_seen_once():
    shared = nn.Linear(2, 2)
    net = nn.Sequential(shared, shared)
    assert len(list(net.parameters())) == 2 and len(list(net.modules())) == 2 and len(list(net.children())) == 1
    assert len(list(net.named_parameters(remove_duplicate=False))) == 4
    assert len(list(net.named_modules(remove_duplicate=False))) == 3
    assert list(net.state_dict()) == ["0.weight", "0.bias", "1.weight", "1.bias"]


# ---- conversions and modes


def test_to_and_casts_keep_parameters():
    net = Net()
    net.register_buffer("steps", torch.tensor(3))
    weight = net.fc1.weight
    net(torch.ones(1, 3)).sum().backward()
    assert net.double() is net
    assert net.fc1.weight is weight and weight.dtype == torch.float64 and weight.grad.dtype == torch.float64
    assert net.count.dtype == torch.float64 and net.steps.dtype == torch.int64
    net.to(torch.float32).to("cpu").to(device="cpu", dtype=torch.float32).to(torch.ones(1))
    assert net.fc1.weight.dtype == torch.float32
    assert net.half().scale.dtype == torch.float16 and net.bfloat16().scale.dtype == torch.bfloat16
    with pytest.raises(TypeError, match="floating point or complex dtypes, but got desired dtype=torch.int32"):
        net.to(torch.int32)
    with pytest.raises(TypeError, match="to()"):
        net.to([1])


def test_train_eval_apply_requires_grad_zero_grad():
    net = nn.Sequential(nn.Dropout(), nn.Sequential(nn.Linear(2, 2)))
    assert net.training and not net.eval()[1][0].training and net.train()[1].training
    with pytest.raises(ValueError, match="expected to be boolean"):
        net.train(1)
    seen = []
    net.apply(lambda m: seen.append(type(m).__name__))
    assert seen == ["Dropout", "Linear", "Sequential", "Sequential"]
    net(torch.ones(1, 2)).sum().backward()
    net.zero_grad(set_to_none=False)
    assert net[1][0].weight.grad.abs().sum() == 0
    net.zero_grad()
    assert net[1][0].weight.grad is None
    assert not any(p.requires_grad for p in net.requires_grad_(False).parameters())


def test_repr():
    class Named(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Sequential(nn.Linear(2, 3), nn.ReLU())

        def extra_repr(self):
            return "a=1\nb=2"

    assert repr(Named()) == (
        "Named(\n  a=1\n  b=2\n  (body): Sequential(\n    (0): Linear(in_features=2, out_features=3, bias=True)\n"
        "    (1): ReLU()\n  )\n)"
    )
    assert repr(nn.Module()) == "Module()"
    layers = nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2), nn.ReLU()])
    assert repr(layers) == (
        "ModuleList(\n  (0-1): 2 x Linear(in_features=2, out_features=2, bias=True)\n  (2): ReLU()\n)"
    )


# ---- copies


def test_copies():
    net = Net()
    net.fc1.register_forward_hook(_double)
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert equal_states(net, other) and other.fc1.weight is not net.fc1.weight
        assert other.fc1.weight is other._modules["fc1"]._parameters["weight"]
        x = torch.ones(1, 3)
        assert torch.equal(net(x), other(x))
        replaced = nn.Parameter(torch.zeros(2))
        other._parameters["scale"] = replaced  # the copy's registries are its own
        assert other.scale is replaced and net.scale is not replaced
        assert "scratch" not in other.state_dict()
    shallow = copy.copy(net)
    assert shallow.fc1 is net.fc1 and shallow is not net and equal_states(net, shallow)


def _double(module, args, output):
    return output * 2


def test_modules_die_without_the_garbage_collector():
    gc.disable()
    try:
        net = Net()
        watch = weakref.ref(net)
        del net
        assert watch() is None
    finally:
        gc.enable()


# ---- hooks


def test_forward_hooks():
    m, log = Pass(), []
    m.register_forward_pre_hook(lambda mod, args: log.append("pre") or (args[0] + 1,))
    m.register_forward_pre_hook(lambda mod, args, kwargs: log.append(sorted(kwargs)), with_kwargs=True, prepend=True)
    handle = m.register_forward_hook(lambda mod, args, out: log.append("post") or out * 10)
    m.register_forward_hook(lambda mod, args, kwargs, out: log.append(kwargs["k"]), with_kwargs=True, prepend=True)
    assert m(torch.tensor(1.0), k=7).item() == 20
    assert log == [["k"], "pre", 7, "post"]
    handle.remove()
    assert m(torch.tensor(1.0), k=7).item() == 2
    m._forward_pre_hooks.clear()
    m._forward_hooks.clear()
    log.clear()
    assert m(torch.tensor(1.0)).item() == 1 and log == []


def test_pre_hook_results():
    m = Pass()
    m.register_forward_pre_hook(lambda mod, args: args[0] * 3)  # not a tuple: the one argument
    assert m(torch.tensor(2.0)).item() == 6
    m.register_forward_pre_hook(lambda mod, args, kwargs: args, with_kwargs=True)
    with pytest.raises(RuntimeError, match=r"None or a tuple of \(new_args, new_kwargs\)"):
        m(torch.tensor(2.0))


def test_hooks_in_the_dict_itself():
    m = Pass()
    m._forward_hooks[0] = _double
    assert m(torch.tensor(2.0)).item() == 4
    n = Pass()
    n._forward_hooks = OrderedDict({0: _double})
    assert n(torch.tensor(2.0)).item() == 4


def test_always_call():
    m, log = Pass(ValueError("boom")), []
    m.register_forward_hook(lambda mod, args, out: log.append("skipped"))
    m.register_forward_hook(lambda mod, args, out: log.append(out), always_call=True)

    def broken(mod, args, out):
        raise KeyError("hook")

    m.register_forward_hook(broken, always_call=True)
    with pytest.raises(ValueError, match="boom"), pytest.warns(UserWarning, match="silenced"):
        m(torch.ones(1))
    assert log == [None]


def test_global_hooks():
    log = []
    handles = [
        nn.modules.module.register_module_forward_pre_hook(lambda mod, args: log.append(("pre", type(mod).__name__))),
        nn.modules.module.register_module_forward_hook(lambda mod, args, out: log.append(("post", type(mod).__name__))),
        nn.modules.module.register_module_full_backward_hook(
            lambda mod, gi, go: log.append(("back", type(mod).__name__))
        ),
    ]
    try:
        nn.Sequential(nn.Tanh())(torch.ones(2, requires_grad=True)).sum().backward()
    finally:
        for handle in handles:
            handle.remove()
    names = ["Sequential", "Tanh"]
    assert log[:4] == [("pre", names[0]), ("pre", names[1]), ("post", names[1]), ("post", names[0])]
    assert sorted(log[4:]) == [("back", n) for n in names]
    log.clear()
    nn.Tanh()(torch.ones(1))
    assert log == []


def test_registration_hooks():
    log = []
    module = nn.modules.module
    handles = [
        module.register_module_parameter_registration_hook(lambda mod, name, p: log.append(("p", name))),
        module.register_module_buffer_registration_hook(lambda mod, name, b: log.append(("b", name))),
        module.register_module_module_registration_hook(lambda mod, name, m: log.append(("m", name))),
    ]
    try:
        m = nn.Module()
        m.w = nn.Parameter(torch.ones(1))
        m.register_buffer("buf", torch.ones(1))
        m.child = nn.Module()
        m.add_module("other", nn.Module())
    finally:
        for handle in handles:
            handle.remove()
    assert log == [("p", "w"), ("b", "buf"), ("m", "child"), ("m", "other")]


def test_full_backward_hooks():
    layer, log = nn.Linear(2, 1, bias=False), []
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[2.0, 3.0]]))
    layer.register_full_backward_pre_hook(lambda m, grad_out: (grad_out[0] * 10,))
    layer.register_full_backward_hook(lambda m, grad_in, grad_out: log.append((grad_in, grad_out)))
    layer.register_full_backward_hook(lambda m, grad_in, grad_out: (grad_in[0] + 1,))
    x = torch.ones(1, 2, requires_grad=True)
    layer(x).backward()
    (grad_in,), (grad_out,) = log[0]
    assert grad_out.tolist() == [[10.0]] and grad_in.tolist() == [[20.0, 30.0]]
    assert x.grad.tolist() == [[21.0, 31.0]] and layer.weight.grad.tolist() == [[10.0, 10.0]]
    with pytest.raises(RuntimeError, match="both regular backward hooks and full backward hooks"):
        layer.register_backward_hook(lambda *a: None)


def test_full_backward_hooks_without_input_gradient():
    layer, log = nn.Linear(2, 1), []
    handle = layer.register_full_backward_hook(lambda m, grad_in, grad_out: log.append((grad_in, grad_out[0].shape)))
    layer(torch.ones(3, 2)).sum().backward()
    assert log == [((None,), (3, 1))]
    handle.remove()
    layer.register_full_backward_hook(lambda m, grad_in, grad_out: (torch.ones(1),))
    with pytest.raises(RuntimeError, match="should always return None"):
        layer(torch.ones(3, 2)).sum().backward()


def test_full_backward_hooks_with_several_values():
    class Two(nn.Module):
        def forward(self, a, b, c):
            return a * b, b + 1, c

    m, log = Two(), []
    m.register_full_backward_hook(lambda mod, grad_in, grad_out: log.append((grad_in, grad_out)))
    a, b = torch.tensor(2.0, requires_grad=True), torch.tensor(3.0)
    x, y, z = m(a, b, "word")
    assert z == "word"
    x.backward()
    (grad_in, grad_out) = log[0]
    assert grad_in[0].item() == 3 and not grad_in[1] and grad_in[2] is None
    assert grad_out[0].item() == 1 and not grad_out[1] and grad_out[2] is None
    m.register_full_backward_hook(lambda mod, grad_in, grad_out: (torch.ones(()),))
    with pytest.raises(RuntimeError, match="invalid number of grad_input, got 1, but expected 3"):
        m(a, b, "word")[0].backward()


# ---- state dicts


def test_state_dict_round_trip_and_metadata():
    net, other = Net(), Net()
    state = net.state_dict()
    assert state._metadata[""] == {"version": 1} and "fc1" in state._metadata
    assert not state["fc1.weight"].requires_grad and net.state_dict(keep_vars=True)["fc1.weight"] is net.fc1.weight
    assert str(other.load_state_dict(state)) == "<All keys matched successfully>"
    assert equal_states(net, other) and other.fc1.weight is not net.fc1.weight
    assert list(net.fc1.state_dict(prefix="a.")) == ["a.weight", "a.bias"]
    with pytest.warns(FutureWarning, match="Positional args"):
        assert list(net.fc1.state_dict(OrderedDict(), "b.")) == ["b.weight", "b.bias"]


def test_strict_reports_list_everything():
    net = Net()
    state = net.state_dict()
    state["fc1.weight"] = torch.zeros(5, 3)
    del state["fc2.bias"]
    state["nobody"] = torch.ones(1)
    state["fc1.extra.x"] = torch.ones(1)
    state["scale"] = "text"
    with pytest.raises(RuntimeError) as info:
        net.load_state_dict(state)
    message = str(info.value)
    assert message.startswith('Error(s) in loading state_dict for Net:\n\tMissing key(s) in state_dict: "fc2.bias". ')
    assert 'Unexpected key(s) in state_dict: "nobody", "fc1.extra.x". ' in message
    assert (
        "size mismatch for fc1.weight: copying a param with shape torch.Size([5, 3]) from checkpoint, "
        "the shape in current model is torch.Size([4, 3])." in message
    )
    assert 'the parameter named "scale", expected torch.Tensor or Tensor-like object' in message
    with pytest.raises(RuntimeError, match="size mismatch"):  # not even with strict=False
        net.load_state_dict({"fc1.weight": torch.zeros(5, 3)}, strict=False)
    keys = net.load_state_dict({"nobody": torch.ones(1)}, strict=False)
    assert keys.unexpected_keys == ["nobody"] and "scale" in keys.missing_keys and len(keys.missing_keys) == 6
    with pytest.raises(TypeError, match="dict-like"):
        net.load_state_dict([1])


def test_assign():
    net, other = Net(), Net().double()
    other.requires_grad_(False)
    net.load_state_dict(other.state_dict(), assign=True)
    assert net.fc1.weight.dtype == torch.float64 and net.fc1.weight.requires_grad
    assert isinstance(net.fc1.weight, nn.Parameter) and net.fc1.weight.data_ptr() == other.fc1.weight.data_ptr()


def test_state_dict_hooks():
    net, log = Net(), []
    net.register_state_dict_pre_hook(lambda mod, prefix, keep_vars: log.append(("pre", prefix, keep_vars)))
    net.register_state_dict_post_hook(lambda mod, state, prefix, meta: state.update(more=torch.ones(1)))
    state = net.state_dict()
    assert log == [("pre", "", False)] and "more" in state

    def rename(mod, state, prefix, *rest):
        log.append(type(mod).__name__)
        for key in list(state):
            if key.startswith(prefix + "old_"):
                state[prefix + key[len(prefix) + 4 :]] = state.pop(key)

    other = Net()
    other.fc1.register_load_state_dict_pre_hook(rename)
    state.pop("more")
    state["fc1.old_weight"] = state.pop("fc1.weight")
    other.register_load_state_dict_post_hook(lambda mod, keys: keys.missing_keys.clear())
    del state["scale"]
    other.load_state_dict(state)
    assert log[-1] == "Linear" and torch.equal(other.fc1.weight, net.fc1.weight)
    net._register_state_dict_hook(lambda mod, state, prefix, meta: {"replaced": 1})
    assert net.state_dict() == {"replaced": 1}
    bad = Net()
    bad.register_state_dict_post_hook(lambda *a: 3)
    with pytest.raises(RuntimeError, match="must return None"):
        bad.state_dict()


def test_extra_state():
    class Extra(nn.Module):
        def __init__(self, value):
            super().__init__()
            self.value = value

        def get_extra_state(self):
            return {"value": self.value}

        def set_extra_state(self, state):
            self.value = state["value"]

    a, b = nn.Sequential(Extra(1)), nn.Sequential(Extra(2))
    assert list(a.state_dict()) == ["0._extra_state"]
    b.load_state_dict(a.state_dict())
    assert b[0].value == 1
    with pytest.raises(RuntimeError, match='Missing key.s. in state_dict: "0._extra_state"'):
        b.load_state_dict({})
    with pytest.raises(RuntimeError, match='Unexpected key.s. in state_dict: "_extra_state"'):
        nn.Linear(1, 1).load_state_dict({**nn.Linear(1, 1).state_dict(), "_extra_state": 1})


def test_old_batch_norm_states_load():
    bn = nn.BatchNorm1d(2)
    state = OrderedDict((k, v) for k, v in bn.state_dict().items() if k != "num_batches_tracked")
    bn.load_state_dict(state)  # no metadata: an old file
    state._metadata = OrderedDict({"": {"version": 2}})
    with pytest.raises(RuntimeError, match="num_batches_tracked"):
        bn.load_state_dict(state)


# ---- errors say where


def test_error_paths():
    class Encoder(nn.Module):
        def __init__(self, error):
            super().__init__()
            self.layers = nn.ModuleList([nn.Sequential(OrderedDict(fc1=Pass(error)))])

        def forward(self, x):
            for layer in self.layers:
                x = layer(x)
            return x

    class Model(nn.Module):
        def __init__(self, error):
            super().__init__()
            self.encoder = Encoder(error)

        def forward(self, x):
            return self.encoder(x)

    error = RuntimeError("bad shapes")
    with pytest.raises(RuntimeError) as info:
        Model(error)(1)
    assert info.value is error and str(error) == "encoder.layers.0.fc1 (Pass): bad shapes"
    with pytest.raises(RuntimeError, match="^bad$"):  # the outermost module has no name
        Pass(RuntimeError("bad"))(1)
    with pytest.raises(RuntimeError, match="^0 .Pass.: once$"):
        nn.Sequential(Pass(RuntimeError("once")))(1)


def test_error_paths_of_real_layers():
    net = nn.Sequential(OrderedDict(fc1=nn.Linear(4, 3), act=nn.ReLU(), fc2=nn.Linear(5, 2)))
    with pytest.raises(RuntimeError, match=r"^fc2 \(Linear\): "):
        net(torch.ones(2, 4))
    net.register_forward_hook(lambda *a: None)  # on the way with hooks, too
    with pytest.raises(RuntimeError, match=r"^fc1 \(Linear\): "):
        net(torch.ones(2, 7))


def test_errors_that_are_left_alone():
    class Odd(Exception):
        def __init__(self, code):
            super().__init__(f"code {code}")
            self.code = code

    class Plain(ValueError):
        pass

    for error, text in (
        (Odd(3), "code 3"),
        (KeyError("name"), "'name'"),
        (RuntimeError(), ""),
        (RuntimeError("a", 2), "('a', 2)"),
        (OSError(2, "gone"), "[Errno 2] gone"),
    ):
        with pytest.raises(type(error)) as info:
            nn.Sequential(Pass(error))(1)
        assert str(info.value) == text
    with pytest.raises(Plain, match=r"^0 \(Pass\): text$"):
        nn.Sequential(Pass(Plain("text")))(1)


def test_a_module_that_nobody_registered_is_stood_for_by_its_caller():
    class Holder(nn.Module):
        def __init__(self):
            super().__init__()
            self.hidden = [Pass(RuntimeError("deep"))]

        def forward(self, x):
            return self.hidden[0](x)

    with pytest.raises(RuntimeError, match=r"^0 \(Holder\): deep$"):
        nn.Sequential(Holder())(1)


def test_forward_is_required():
    class Empty(nn.Module):
        pass

    with pytest.raises(NotImplementedError, match='Module .Empty. is missing the required "forward" function'):
        Empty()(1)


# ---- containers


def test_sequential():
    a, b, c = nn.Linear(1, 2), nn.ReLU(), nn.Linear(2, 3)
    s = nn.Sequential(a, b)
    assert s.append(c) is s and len(s) == 3 and s[-1] is c and list(s) == [a, b, c]
    assert isinstance(s[1:], nn.Sequential) and list(s[1:]) == [b, c]
    s.insert(1, nn.Tanh())
    assert [type(m).__name__ for m in s] == ["Linear", "Tanh", "ReLU", "Linear"]
    assert isinstance(s.pop(1), nn.Tanh) and list(s._modules) == ["0", "1", "2"]
    del s[0]
    assert list(s) == [b, c] and list(s._modules) == ["0", "1"]
    s[0] = a
    assert s[0] is a and len(s + nn.Sequential(b)) == 3 and len(s * 2) == 4
    with pytest.raises(IndexError, match="index 5 is out of range"):
        s[5]
    with pytest.raises(ValueError, match="only objects of Sequential class"):
        s + 3
    named = nn.Sequential(OrderedDict(x=a, y=b))
    assert named.x is a and list(named.state_dict()) == ["x.weight", "x.bias"]


def test_module_list_and_dict():
    a, b = nn.Linear(1, 1), nn.ReLU()
    layers = nn.ModuleList([a])
    layers += [b]
    layers.extend([a]).insert(0, b)
    assert list(layers) == [b, a, b, a] and layers[-1] is a and a in layers
    assert isinstance(layers[:2], nn.ModuleList) and layers.pop(0) is b and len(layers) == 3
    del layers[0:2]
    assert list(layers) == [a] and list(layers.state_dict()) == ["0.weight", "0.bias"]
    with pytest.raises(TypeError, match="called with an iterable"):
        layers.extend(3)
    with pytest.raises(IndexError):
        layers[1]

    table = nn.ModuleDict({"z": a})
    table.update([("y", b)])
    assert list(table) == ["z", "y"] and "y" in table and table.pop("y") is b and len(table) == 1
    with pytest.raises(TypeError):
        table["k"] = 3
    with pytest.raises(ValueError, match="has length 3; 2 is required"):
        table.update([(1, 2, 3)])


def test_parameter_list_and_dict():
    items = nn.ParameterList([torch.ones(2), nn.Parameter(torch.zeros(3)), "word"])
    assert [type(p).__name__ for p in items] == ["Parameter", "Parameter", "str"]
    assert list(items.state_dict()) == ["0", "1"] and items[-1] == "word" and len(items[:2]) == 2
    items.append(torch.ones(1))
    assert items[3].requires_grad and len(items) == 4
    table = nn.ParameterDict({"a": torch.ones(1)})
    table["b"] = nn.Parameter(torch.zeros(2))
    assert [n for n, _ in table.named_parameters()] == ["a", "b"]
    assert table.setdefault("c", torch.ones(1)).requires_grad and table.get("x") is None
    assert table.pop("a").item() == 1 and list(table.keys()) == ["b", "c"]
    assert list((table | nn.ParameterDict({"d": torch.ones(1)})).keys()) == ["b", "c", "d"]
    with pytest.raises(AttributeError, match="no attribute 'a'"):
        table["a"]
    copied = copy.deepcopy(table)
    assert list(copied.keys()) == ["b", "c"] and copied["b"] is not table["b"]


# ---- parameters and lazy modules


def test_parameter():
    data = torch.ones(2)
    p = nn.Parameter(data)
    assert p.requires_grad and p.is_leaf and isinstance(p, torch.Tensor) and p.data_ptr() == data.data_ptr()
    assert not nn.Parameter(data, requires_grad=False).requires_grad
    assert type(p * 2) is torch.Tensor and repr(p).startswith("Parameter containing:\ntensor([1., 1.]")
    other = copy.deepcopy(p)
    assert type(other) is nn.Parameter and other is not p and torch.equal(other, p)
    loaded = pickle.loads(pickle.dumps(p))
    assert type(loaded) is nn.Parameter and loaded.requires_grad and torch.equal(loaded, p)
    assert nn.Parameter().shape == (0,)
    with pytest.raises(TypeError, match="must be Tensor, not int"):
        nn.Parameter(3)

    class Special(torch.Tensor):
        pass

    wrapped = nn.Parameter(torch.ones(1).as_subclass(Special))
    assert isinstance(wrapped, nn.Parameter) and isinstance(wrapped, Special)


@pytest.mark.filterwarnings("ignore:Lazy modules")
def test_lazy_modules():
    net = nn.Sequential(nn.LazyConv2d(4, 3), nn.LazyBatchNorm2d(), nn.ReLU(), nn.Flatten(), nn.LazyLinear(2))
    assert repr(net[4]) == "LazyLinear(in_features=0, out_features=2, bias=True)"
    with pytest.raises(RuntimeError, match="uninitialized parameter"):
        net[4].weight.shape
    net.double().float()
    assert net(torch.randn(2, 3, 5, 5)).shape == (2, 2)
    assert [type(m).__name__ for m in net] == ["Conv2d", "BatchNorm2d", "ReLU", "Flatten", "Linear"]
    assert type(net[0].weight) is nn.Parameter and net[4].in_features == 36
    assert net[1].running_mean.shape == (4,)
    again = nn.Sequential(nn.LazyConv2d(4, 3), nn.LazyBatchNorm2d(), nn.ReLU(), nn.Flatten(), nn.LazyLinear(2))
    again.load_state_dict(net.state_dict())  # takes the shapes of what is loaded
    x = torch.ones(2, 3, 5, 5)
    assert torch.allclose(again.eval()(x), net.eval()(x))


def test_uninitialized_parameter_refuses_arithmetic():
    p = nn.UninitializedParameter()
    with pytest.raises(ValueError, match="uninitialized parameter"):
        p + 1
    p.materialize((2, 3))
    assert type(p) is nn.Parameter and p.shape == (2, 3) and p.requires_grad


def test_data_parallel_is_the_module():
    inner = nn.Linear(2, 3)
    model = nn.DataParallel(inner)
    x = torch.ones(4, 2)
    assert torch.equal(model(x), inner(x)) and list(model.state_dict()) == ["module.weight", "module.bias"]
    with pytest.raises(NotImplementedError, match="use the module itself"):
        nn.parallel.DistributedDataParallel(inner)


def test_warnings_are_quiet_on_ordinary_use():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        net = Net()
        net.load_state_dict(net.state_dict())
        net(torch.ones(1, 3)).sum().backward()
