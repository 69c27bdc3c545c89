"""Optimisers and schedules against numbers that PyTorch gave (tests/data/pytorch_numbers.json), and how the base class
behaves.
"""

from __future__ import annotations

import copy
import json
import pickle
import warnings
from pathlib import Path

import pytest

import rushlight as torch
from rushlight import optim

NUMBERS = json.loads((Path(__file__).parent / "data" / "pytorch_numbers.json").read_text())


def split(key: str) -> tuple[str, dict]:
    name, _, options = key.partition(" ")
    return name, json.loads(options)


@pytest.mark.parametrize("key", NUMBERS["optim"])
def test_trajectory(key):
    name, options = split(key)
    params = [
        torch.tensor([[1.0, -2.0, 0.5], [0.25, 3.0, -1.0]], requires_grad=True),
        torch.tensor([0.5, -0.5], requires_grad=True),
    ]
    optimizer = getattr(optim, name)(params, **options)

    def closure():
        optimizer.zero_grad()
        loss = sum((((p - i - 1) ** 2) * (1 + 0.1 * i)).sum() + p.sin().sum() for i, p in enumerate(params))
        loss.backward()
        return loss

    for expected in NUMBERS["optim"][key]:
        optimizer.step(closure)
        for p, e in zip(params, expected):
            assert p.detach().flatten().tolist() == pytest.approx(e, rel=2e-5, abs=2e-6)


@pytest.mark.parametrize("key", NUMBERS["sched"])
def test_schedule(key):
    name, options = split(key)
    optimizer = optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1, momentum=0.9)
    scheduler = getattr(optim.lr_scheduler, name)(optimizer, **options)
    for i, expected in enumerate(NUMBERS["sched"][key]):
        group = optimizer.param_groups[0]
        assert [group["lr"], group["momentum"]] == pytest.approx(expected, rel=1e-9)
        optimizer.step()
        scheduler.step(*([abs(i - 4.0)] if name == "ReduceLROnPlateau" else []))


@pytest.mark.parametrize("key", NUMBERS["sched"])
def test_schedule_resumes_from_its_state(key):
    name, options = split(key)

    def make():
        optimizer = optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1, momentum=0.9)
        return optimizer, getattr(optim.lr_scheduler, name)(optimizer, **options)

    optimizer, scheduler = make()
    for i in range(12):
        assert optimizer.param_groups[0]["lr"] == pytest.approx(NUMBERS["sched"][key][i][0], rel=1e-9)
        if i == 5:
            states = copy.deepcopy((optimizer.state_dict(), scheduler.state_dict()))
            optimizer, scheduler = make()
            optimizer.load_state_dict(states[0])
            scheduler.load_state_dict(states[1])
        optimizer.step()
        scheduler.step(*([abs(i - 4.0)] if name == "ReduceLROnPlateau" else []))


def test_closed_form_equals_chain():
    optimizer = optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    scheduler = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=7, eta_min=0.01)
    for _ in range(10):
        optimizer.step()
        scheduler.step()
        assert scheduler.get_last_lr() == pytest.approx(scheduler._get_closed_form_lr())


def test_sequential_and_chained():
    schedules = optim.lr_scheduler
    optimizer = optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    both = schedules.SequentialLR(
        optimizer,
        [schedules.ConstantLR(optimizer, 0.1, total_iters=3), schedules.ExponentialLR(optimizer, 0.5)],
        milestones=[3],
    )
    rates = []
    for _ in range(6):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        both.step()
    assert rates == pytest.approx([0.1, 0.1, 0.1, 1.0, 0.5, 0.25])
    optimizer = optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    chained = schedules.ChainedScheduler(
        [schedules.ConstantLR(optimizer, 0.1, total_iters=2), schedules.ExponentialLR(optimizer, 0.5)]
    )
    rates = []
    for _ in range(4):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        chained.step()
    assert rates == pytest.approx([0.1, 0.05, 0.25, 0.125])


def test_schedule_warnings():
    optimizer = optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    scheduler = optim.lr_scheduler.StepLR(optimizer, 2)
    with pytest.warns(UserWarning, match="before `optimizer.step"):
        scheduler.step()
    with pytest.warns(UserWarning, match="get_last_lr"):
        scheduler.get_lr()
    with pytest.warns(UserWarning, match="epoch parameter"):
        scheduler.step(5)
    with pytest.raises(KeyError, match="initial_lr"):
        optim.lr_scheduler.StepLR(optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1), 2, last_epoch=3)
    with pytest.raises(TypeError, match="not an Optimizer"):
        optim.lr_scheduler.StepLR(None, 2)


def test_schedule_without_warnings():
    optimizer = optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    scheduler = optim.lr_scheduler.StepLR(optimizer, 2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        optimizer.step()
        scheduler.step()


def parameter(*values: float):
    p = torch.tensor(list(values), requires_grad=True)
    p.grad = torch.ones(len(values))
    return p


def test_groups():
    a, b, c = parameter(1.0), parameter(2.0), parameter(3.0)
    optimizer = optim.SGD([{"params": [a]}, {"params": [b], "lr": 0.5}], lr=0.1)
    optimizer.add_param_group({"params": c, "lr": 0.25})
    optimizer.step()
    assert [a.item(), b.item(), c.item()] == pytest.approx([0.9, 1.5, 2.75])
    with pytest.raises(ValueError, match="more than one parameter group"):
        optimizer.add_param_group({"params": [a]})
    with pytest.raises(TypeError, match="ordered collections"):
        optimizer.add_param_group({"params": {parameter(1.0)}})
    with pytest.raises(ValueError, match="non-leaf"):
        optimizer.add_param_group({"params": [parameter(1.0) * 2]})
    with pytest.warns(UserWarning, match="duplicate"):
        d = parameter(1.0)
        optimizer.add_param_group({"params": [d, d]})


def test_arguments():
    with pytest.raises(ValueError, match="empty parameter list"):
        optim.SGD([], lr=0.1)
    with pytest.raises(TypeError, match="iterable of Tensors or dicts"):
        optim.SGD(parameter(1.0), lr=0.1)
    with pytest.raises(TypeError, match="can only optimize Tensors"):
        optim.SGD([1.0], lr=0.1)
    for make in (
        lambda p: optim.SGD(p, lr=-1),
        lambda p: optim.SGD(p, lr=float("nan")),
        lambda p: optim.SGD(p, lr=0.1, momentum=-1),
        lambda p: optim.SGD(p, lr=0.1, nesterov=True),
        lambda p: optim.Adam(p, betas=(1.0, 0.9)),
        lambda p: optim.Adam(p, eps=-1),
        lambda p: optim.RMSprop(p, alpha=-1),
        lambda p: optim.Rprop(p, etas=(2.0, 1.2)),
        lambda p: optim.LBFGS([{"params": p}, {"params": [parameter(2.0)]}]),
        lambda p: optim.Muon(p),
    ):
        with pytest.raises(ValueError):
            make([parameter(1.0)])
    with pytest.raises(NotImplementedError, match="sparse"):
        optim.SparseAdam([parameter(1.0)])

    class Needs(optim.Optimizer):
        def __init__(self, params):
            super().__init__(params, {"lr": optim.optimizer.required})

    with pytest.raises(ValueError, match="required optimization parameter lr"):
        Needs([parameter(1.0)])


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "RMSprop", "NAdam", "Adagrad"])
def test_state_dict_layout_and_loading(name):
    options = {"momentum": 0.9, "lr": 0.1} if name == "SGD" else {}
    a, b = parameter(1.0, 2.0), parameter(3.0)
    optimizer = getattr(optim, name)([{"params": [a]}, {"params": [b]}], **options)
    optimizer.step()
    state = copy.deepcopy(optimizer.state_dict())
    assert list(state) == ["state", "param_groups"]
    assert [g["params"] for g in state["param_groups"]] == [[0], [1]]
    assert sorted(state["state"]) == [0, 1]
    if name != "SGD":
        assert state["state"][0]["step"].item() == 1 and state["state"][0]["step"].dtype == torch.float32
    c, d = a.detach().clone().requires_grad_(), b.detach().clone().requires_grad_()
    other = getattr(optim, name)([{"params": [c]}, {"params": [d]}], **options)
    other.load_state_dict(state)
    for _ in range(3):
        for p in (a, b, c, d):
            p.grad = torch.full_like(p, 0.5)
        optimizer.step()
        other.step()
    assert a.tolist() == c.tolist() and b.tolist() == d.tolist()
    with pytest.raises(ValueError, match="number of parameter groups"):
        getattr(optim, name)([parameter(1.0)], **options).load_state_dict(state)
    with pytest.raises(ValueError, match="size of optimizer's group"):
        getattr(optim, name)([{"params": [a, parameter(1.0)]}, {"params": [b]}], **options).load_state_dict(state)


def test_sgd_without_momentum_has_no_state():
    optimizer = optim.SGD([parameter(1.0)], lr=0.1)
    optimizer.step()
    assert optimizer.state_dict()["state"] == {}


def test_loaded_state_takes_the_parameter_dtype():
    a = parameter(1.0)
    optimizer = optim.Adam([a])
    optimizer.step()
    b = torch.tensor([1.0], dtype=torch.float64, requires_grad=True)
    other = optim.Adam([b])
    other.load_state_dict(optimizer.state_dict())
    entry = other.state[b]
    assert entry["exp_avg"].dtype == torch.float64 and entry["step"].dtype == torch.float32


def test_state_may_be_exchanged_between_steps():
    a = parameter(1.0)
    optimizer = optim.Adam([a], lr=0.1)
    optimizer.step()
    kept = optimizer.state.pop(a)
    kept["exp_avg"] = torch.zeros(1)
    b = parameter(5.0)
    optimizer.param_groups[0]["params"][0] = b
    optimizer.state[b] = kept
    optimizer.step()
    assert (
        b.item() < 5.0
        and optimizer.state[b]["step"].item() == 2
        and optimizer.state[b]["exp_avg"].item() == pytest.approx(0.1)
    )


def test_parameters_without_gradient_stay():
    a, b = parameter(1.0), parameter(2.0)
    b.grad = None
    optimizer = optim.Adam([a, b], lr=0.1)
    optimizer.step()
    assert b.item() == 2.0 and b not in optimizer.state
    b.grad = torch.ones(1)
    optimizer.step()
    assert optimizer.state[a]["step"].item() == 2 and optimizer.state[b]["step"].item() == 1


def test_momentum_buffers_that_start_late():
    a, b = parameter(1.0), parameter(1.0)
    b.grad = None
    optimizer = optim.SGD([a, b], lr=0.1, momentum=0.5)
    optimizer.step()
    b.grad = torch.ones(1)
    optimizer.step()
    assert a.item() == pytest.approx(1 - 0.1 - 0.15) and b.item() == pytest.approx(0.9)


def test_zero_grad():
    a = parameter(1.0)
    optimizer = optim.SGD([a], lr=0.1)
    grad = a.grad
    optimizer.zero_grad(set_to_none=False)
    assert a.grad is grad and grad.tolist() == [0.0]
    optimizer.zero_grad()
    assert a.grad is None


def test_hooks():
    log = []
    a = parameter(1.0)
    optimizer = optim.SGD([a], lr=0.1)
    handles = [
        optimizer.register_step_pre_hook(lambda opt, args, kwargs: log.append("pre")),
        optimizer.register_step_post_hook(lambda opt, args, kwargs: log.append("post")),
        optim.optimizer.register_optimizer_step_pre_hook(lambda *_: log.append("all pre")),
        optim.optimizer.register_optimizer_step_post_hook(lambda *_: log.append("all post")),
    ]
    optimizer.step()
    assert log == ["all pre", "pre", "post", "all post"]
    for handle in handles:
        handle.remove()
    optimizer.step()
    assert len(log) == 4
    bad = optimizer.register_step_pre_hook(lambda *_: 3)
    with pytest.raises(RuntimeError, match="pre hook must return None or a tuple"):
        optimizer.step()
    bad.remove()
    optimizer.register_state_dict_pre_hook(lambda opt: log.append("saving"))
    optimizer.register_state_dict_post_hook(lambda opt, state: {**state, "more": 1})
    optimizer.register_load_state_dict_pre_hook(lambda opt, state: log.append("loading"))
    optimizer.register_load_state_dict_post_hook(lambda opt: log.append("loaded"))
    state = optimizer.state_dict()
    assert state["more"] == 1
    optimizer.load_state_dict(state)
    assert log[4:] == ["saving", "loading", "loaded"]


def test_hooks_reach_subclasses_and_arguments_can_be_changed():
    class Mine(optim.Optimizer):
        def __init__(self, params):
            super().__init__(params, {})
            self.seen = None

        def step(self, closure=None, scale=1):
            self.seen = scale

    optimizer = Mine([parameter(1.0)])
    optimizer.register_step_pre_hook(lambda opt, args, kwargs: (args, {"scale": 7}))
    optimizer.step()
    assert optimizer.seen == 7


def test_closure_records_gradients_and_its_loss_comes_back():
    a = parameter(3.0)
    optimizer = optim.Adam([a], lr=0.1)

    def closure():
        assert torch.is_grad_enabled()
        optimizer.zero_grad()
        loss = (a * a).sum()
        loss.backward()
        return loss

    with torch.no_grad():
        assert optimizer.step(closure).item() == 9.0
        assert not torch.is_grad_enabled()


def test_step_restores_grad_mode_after_an_error():
    optimizer = optim.SGD([parameter(1.0)], lr=0.1)

    def closure():
        raise ArithmeticError("no loss")

    with pytest.raises(ArithmeticError):
        optimizer.step(closure)
    assert torch.is_grad_enabled()


def test_repr_and_pickling():
    a = parameter(1.0)
    optimizer = optim.SGD([a], lr=0.1, momentum=0.9)
    assert repr(optimizer).splitlines()[:4] == [
        "SGD (",
        "Parameter Group 0",
        "    dampening: 0",
        "    differentiable: False",
    ]
    optimizer.step()
    again = pickle.loads(pickle.dumps(optimizer))
    assert again.param_groups[0]["momentum"] == 0.9
    (entry,) = again.state.values()
    assert entry["momentum_buffer"].tolist() == [1.0]
    again.param_groups[0]["params"][0].grad = torch.ones(1)
    again.step()


def test_named_parameters():
    a, b = parameter(1.0), parameter(2.0)
    optimizer = optim.SGD([("a", a), ("b", b)], lr=0.1)
    assert optimizer.state_dict()["param_groups"][0]["param_names"] == ["a", "b"]
    with pytest.raises(ValueError, match="with/without names"):
        optim.SGD([("a", a), b], lr=0.1)


def test_lr_as_tensor():
    a = parameter(1.0)
    optimizer = optim.Adam([a], lr=torch.tensor(0.1))
    scheduler = optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    optimizer.step()
    scheduler.step()
    assert isinstance(optimizer.param_groups[0]["lr"], torch.Tensor)
    assert optimizer.param_groups[0]["lr"].item() == pytest.approx(0.05)
    assert a.item() == pytest.approx(0.9, abs=1e-6)


def test_complex_parameters_step_as_pairs_of_reals():
    for name in ("SGD", "Adam", "RMSprop", "Adagrad"):
        z = torch.tensor([1.0 + 2.0j], requires_grad=True)
        z.grad = torch.tensor([0.5 - 1.0j])
        real = torch.tensor([1.0, 2.0], requires_grad=True)
        real.grad = torch.tensor([0.5, -1.0])
        for p in (z, real):
            optimizer = getattr(optim, name)([p], lr=0.1)
            optimizer.step()
        assert torch.view_as_real(z.detach()).flatten().tolist() == pytest.approx(real.tolist())


def test_differentiable():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    p = torch.tensor([1.0, 1.0], requires_grad=True).clone()
    optimizer = optim.SGD([p], lr=0.5, differentiable=True)
    p.grad = x * 3
    optimizer.step()
    p.sum().backward()
    assert x.grad.tolist() == [-1.5, -1.5]


def test_averaged_model():
    nn, utils = torch.nn, optim.swa_utils
    model = nn.Linear(1, 1)
    mean, ema = utils.AveragedModel(model), utils.AveragedModel(model, multi_avg_fn=utils.get_ema_multi_avg_fn(0.5))
    for value in (1.0, 2.0, 6.0):
        with torch.no_grad():
            model.weight.fill_(value)
        mean.update_parameters(model)
        ema.update_parameters(model)
    assert mean.module.weight.item() == pytest.approx(3.0)
    assert ema.module.weight.item() == pytest.approx(0.25 + 0.5 + 3.0)
    assert mean.n_averaged.item() == 3
    with pytest.raises(ValueError, match=r"\[0,1\]"):
        utils.get_ema_avg_fn(2.0)
