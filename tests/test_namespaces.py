"""The small namespaces: what is not there says so, what is there works, and `as_torch` runs programs written for
PyTorch.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import warnings
from collections import OrderedDict, namedtuple
from pathlib import Path

import pytest

import rushlight as torch

Pair = namedtuple("Pair", "x y")
ROOT = Path(torch.__file__).parent.parent


# ---- devices that are not there


def test_cuda_is_not_there():
    cuda = torch.cuda
    assert cuda.is_available() is False and cuda.device_count() == 0 and cuda.is_initialized() is False
    assert cuda.memory_allocated() == 0 and cuda.max_memory_allocated() == 0 and cuda.get_rng_state_all() == []
    cuda.manual_seed(1), cuda.manual_seed_all(1), cuda.empty_cache(), cuda.synchronize(), cuda.reset_peak_memory_stats()
    for call in (
        cuda.current_device,
        cuda.get_device_name,
        lambda: cuda.set_device(0),
        cuda.current_stream,
        cuda.Stream,
        cuda.Event,
        cuda.CUDAGraph,
    ):
        with pytest.raises((AssertionError, RuntimeError), match="CUDA|cuda"):
            call()
    with pytest.raises((AssertionError, RuntimeError)):
        cuda.FloatTensor(3)
    assert not isinstance(torch.ones(1), cuda.FloatTensor)
    with cuda.device(None), cuda.device(-1), cuda.stream(None), cuda.nvtx.range("x"):
        pass
    with pytest.raises(AttributeError, match="no CUDA"):
        cuda.something


def test_other_accelerators_are_not_there():
    assert not torch.backends.mps.is_available() and not torch.mps.is_available() and not torch.xpu.is_available()
    assert torch.xpu.device_count() == 0 and torch.mps.current_allocated_memory() == 0
    if not torch.accelerator.is_available():
        assert torch.accelerator.current_accelerator() is None
        with pytest.raises(RuntimeError, match="no accelerator"):
            torch.accelerator.current_device_index()
    device = torch.accelerator.current_accelerator() or torch.device("cpu")
    assert device.type == ("gpu" if torch.gpu.is_available() else "cpu")
    assert torch.cpu.is_available() and torch.cpu.device_count() == 1
    assert not torch.distributed.is_available() and not torch.distributed.is_initialized()
    with pytest.raises(NotImplementedError, match="init_process_group"):
        torch.distributed.init_process_group("gloo")
    with pytest.raises(NotImplementedError, match="all_reduce"):
        torch.distributed.all_reduce(torch.ones(1))
    with pytest.raises(ValueError, match="not been initialized"):
        torch.distributed.get_rank()


def test_backends():
    backends = torch.backends
    assert backends.cudnn.is_available() is False and backends.cudnn.version() is None
    backends.cudnn.benchmark = True
    backends.cudnn.deterministic = True
    with backends.cudnn.flags(enabled=False, benchmark=False):
        assert backends.cudnn.benchmark is False
    assert backends.cudnn.benchmark is True
    backends.cuda.matmul.allow_tf32 = True
    backends.cuda.enable_flash_sdp(False)
    assert backends.cuda.flash_sdp_enabled() is False
    backends.cuda.enable_flash_sdp(True)
    with backends.cuda.sdp_kernel(enable_math=False):
        assert not backends.cuda.math_sdp_enabled()
    assert backends.cuda.math_sdp_enabled()
    for name in ("mkl", "mkldnn", "openmp", "nnpack", "xnnpack", "opt_einsum", "cusparselt"):
        assert getattr(backends, name).is_available() is False
    assert backends.cpu.get_cpu_capability() in ("DEFAULT", "AVX2", "AVX512", "NEON")
    backends.cudnn.benchmark = backends.cudnn.deterministic = False


def test_what_is_not_there_yet_names_itself_and_a_way_out():
    for call, name in (
        (lambda: torch.jit.script(torch.nn.Linear(2, 2)), "jit.script"),
        (lambda: torch.hub.load("a/b", "c"), "hub.load"),
        (lambda: torch.hub.load_state_dict_from_url("https://example.org/model.pt"), "load_state_dict_from_url"),
        (lambda: torch.utils.cpp_extension.load("x", []), "cpp_extension.load"),
    ):
        with pytest.raises(NotImplementedError, match=name):
            call()


def test_decorators_pass_through():
    def function(x):
        return x + 1

    jit, compiler = torch.jit, torch.compiler
    for decorate in (
        jit.ignore,
        jit.unused,
        jit.export,
        jit.script_if_tracing,
        compiler.allow_in_graph,
        jit.ignore(),
    ):
        assert decorate(function) is function
    assert not jit.is_scripting() and not jit.is_tracing() and not compiler.is_compiling()
    assert jit.annotate(int, 3) == 3 and jit.isinstance([1, 2], list[int]) and not jit.isinstance([1, "a"], list[int])


def test_hub_with_folders_and_cache(tmp_path, monkeypatch):
    (tmp_path / "hubconf.py").write_text("def double(n):\n    'Twice n.'\n    return 2 * n\n")
    assert torch.hub.load(str(tmp_path), "double", 4, source="local") == 8
    assert torch.hub.list(str(tmp_path)) == ["double"] and torch.hub.help(str(tmp_path), "double") == "Twice n."
    with pytest.raises(RuntimeError, match="callable"):
        torch.hub.load(str(tmp_path), "triple", source="local")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    assert torch.hub.get_dir() == str(tmp_path / "hub")
    (tmp_path / "hub" / "checkpoints").mkdir(parents=True)
    torch.save({"w": torch.ones(2)}, tmp_path / "hub" / "checkpoints" / "m.pt")
    assert torch.hub.load_state_dict_from_url("https://example.org/m.pt")["w"].tolist() == [1, 1]
    assert torch.utils.model_zoo.load_url("https://example.org/m.pt")["w"].tolist() == [1, 1]


# ---- amp


def test_autocast():
    with torch.amp.autocast("cpu", enabled=False):
        pass
    with pytest.warns(UserWarning, match="CUDA is not available"):
        context = torch.amp.autocast("cuda")
    with context:
        pass
    with pytest.warns(UserWarning, match="CUDA is not available"):
        decorated = torch.cuda.amp.autocast()(lambda x: x)
    assert decorated(3) == 3
    with pytest.raises(RuntimeError, match="unsupported autocast device_type"):
        torch.amp.autocast("nothing")
    with pytest.raises(ValueError, match="str"):
        torch.amp.autocast(3)


def test_grad_scaler_passes_through_without_cuda():
    with pytest.warns(UserWarning, match="Disabling"):
        scaler = torch.cuda.amp.GradScaler()
    x = torch.ones(1)
    assert scaler.scale(x) is x and scaler.get_scale() == 1.0 and not scaler.is_enabled() and scaler.state_dict() == {}


def test_grad_scaler():
    p = torch.tensor([1.0], requires_grad=True)

    class Down:
        param_groups = [{"params": [p]}]
        steps = 0

        def step(self):
            self.steps += 1

    optimizer = Down()
    scaler = torch.amp.GradScaler("cpu", init_scale=4.0, growth_interval=2)
    for _ in range(2):
        p.grad = None
        scaler.scale((p * 3).sum()).backward()
        assert p.grad.item() == 12.0
        scaler.unscale_(optimizer)
        assert p.grad.item() == 3.0
        with pytest.raises(RuntimeError, match="already been called"):
            scaler.unscale_(optimizer)
        scaler.step(optimizer)
        scaler.update()
    assert optimizer.steps == 2 and scaler.get_scale() == 8.0
    p.grad = torch.tensor([math.inf])
    scaler.step(optimizer)
    with pytest.raises(RuntimeError, match="already been called"):
        scaler.step(optimizer)
    scaler.update()
    assert optimizer.steps == 2 and scaler.get_scale() == 4.0
    other = torch.amp.GradScaler("cpu")
    other.load_state_dict(scaler.state_dict())
    assert other.get_scale() == 4.0
    with pytest.raises(AssertionError, match="No inf checks"):
        scaler.update()


# ---- limits, types, versions


def test_limits():
    f = torch.finfo(torch.float32)
    assert (f.bits, f.eps, f.max, f.tiny) == (32, 2.0**-23, 3.4028234663852886e38, 1.1754943508222875e-38)
    assert torch.finfo(torch.bfloat16).max == 3.3895313892515355e38 and torch.finfo(torch.float16).max == 65504.0
    assert torch.finfo().dtype == "float32" and torch.finfo(torch.float64).eps == sys.float_info.epsilon
    i = torch.iinfo(torch.int8)
    assert (i.bits, i.min, i.max) == (8, -128, 127) and torch.iinfo(torch.uint8).max == 255
    with pytest.raises(TypeError):
        torch.finfo(torch.int32)
    with pytest.raises(TypeError):
        torch.iinfo(torch.float32)


def test_types_and_versions():
    assert torch.version.cuda is None and torch.version.hip is None
    assert isinstance(3, torch.types.Number) and torch.types._int is int


# ---- testing


def test_assert_close():
    close = torch.testing.assert_close
    close(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.000001]))
    close({"a": [torch.ones(2), 1.0]}, {"a": [torch.ones(2), 1.0]})
    close(torch.tensor(math.nan), torch.tensor(math.nan), equal_nan=True)
    close(torch.ones(2), torch.ones(2, dtype=torch.float64), check_dtype=False)
    for actual, expected, text in (
        (
            torch.tensor([1.0, 2, 3]),
            torch.tensor([1.0, 2, 4]),
            r"Mismatched elements: 1 / 3 \(33.3%\)\nGreatest absolute difference: 1.0 at index \(2,\) "
            r"\(up to 1e-05 allowed\)",
        ),
        (torch.tensor([[1, 2], [3, 4]]), torch.tensor([[1, 2], [3, 5]]), r"not equal!(.|\n)*at index \(1, 1\)"),
        (torch.ones(2), torch.ones(3), "'shape' do not match"),
        (torch.ones(2), torch.ones(2, dtype=torch.float64), "'dtype' do not match: torch.float32 != torch.float64"),
        (torch.tensor(1.0), torch.tensor(2.0), "Expected 2.0 but got 1.0"),
        (1.0, 2.0, "Scalars are not close"),
        ([1, 2], [1, 3], r"item \[1\]"),
        ({"a": torch.ones(1)}, {"a": torch.zeros(1)}, r"item \['a'\]"),
        ([1], [1, 2], "length of the sequences mismatch: 1 != 2"),
        ({"a": 1}, {"b": 1}, "Missing keys in the actual mapping: \\['b'\\]"),
        (torch.tensor(math.nan), torch.tensor(math.nan), "not close"),
        (None, 1, "None mismatch"),
        (True, False, "Booleans mismatch"),
    ):
        with pytest.raises(AssertionError, match=text):
            close(actual, expected)
    with pytest.raises(AssertionError, match="^mine: Scalars"):
        close(1, 2, msg=lambda text: "mine: " + text)
    with pytest.raises(ValueError, match="both"):
        close(1, 1, rtol=0.1)
    with pytest.raises(TypeError, match="No comparison pair"):
        close(object(), 1)
    with pytest.warns(FutureWarning):
        torch.testing.assert_allclose(torch.ones(2), [1.0, 1.0])


def test_make_tensor():
    make = torch.testing.make_tensor
    for dtype in (torch.float32, torch.float16, torch.int64, torch.uint8, torch.bool, torch.complex64):
        x = make(3, 4, dtype=dtype, device="cpu")
        assert x.shape == (3, 4) and x.dtype == dtype
    x = make((50,), dtype=torch.float32, device="cpu", low=2, high=3, requires_grad=True)
    assert x.requires_grad and bool((x >= 2).all()) and bool((x < 3).all())
    assert not make(3, 4, dtype=torch.float32, device="cpu", noncontiguous=True).is_contiguous()
    assert bool((make(100, dtype=torch.int64, device="cpu", low=0, high=2, exclude_zero=True) != 0).all())
    with pytest.raises(ValueError):
        make(2, dtype=torch.int64, device="cpu", requires_grad=True)


# ---- random


def test_fork_rng():
    torch.manual_seed(3)
    first = torch.rand(2).tolist()
    torch.manual_seed(3)
    with torch.random.fork_rng():
        torch.rand(5)
        torch.manual_seed(9)
    assert torch.rand(2).tolist() == first and torch.initial_seed() == 3
    state = torch.get_rng_state()
    a = torch.rand(3).tolist()
    torch.set_rng_state(state)
    assert torch.rand(3).tolist() == a


# ---- trees


def test_pytree():
    pytree = torch.utils._pytree
    tree = {"b": [1, (2, 3)], "a": OrderedDict(x=Pair(4, None))}
    leaves, spec = pytree.tree_flatten(tree)
    assert leaves == [1, 2, 3, 4, None] and pytree.tree_unflatten(leaves, spec) == tree and spec.num_leaves == 5
    assert pytree.tree_map(lambda x: x and x * 2, tree) == {"b": [2, (4, 6)], "a": OrderedDict(x=Pair(8, None))}
    assert pytree.tree_map(lambda x, y: x + y, [1, (2,)], [10, (20,)]) == [11, (22,)]
    assert pytree.tree_map_only(int, str, [1, 2.0]) == ["1", 2.0]
    assert pytree.tree_leaves([1, [2]], is_leaf=lambda x: x == [2]) == [1, [2]]
    assert pytree.treespec_loads(
        pytree.treespec_dumps(pytree.tree_structure([1, {"a": (2,)}]))
    ) == pytree.tree_structure([1, {"a": (2,)}])
    assert [(pytree.keystr(path), leaf) for path, leaf in pytree.tree_flatten_with_path({"a": [5]})[0]] == [
        ("['a'][0]", 5)
    ]
    with pytest.raises(ValueError, match="arity"):
        pytree.tree_map(lambda x, y: x, [1, 2], [1])
    with pytest.raises(ValueError, match="holds 5 items"):
        pytree.tree_unflatten([1], spec)


# ---- checkpoint


@pytest.mark.parametrize("reentrant", [True, False])
def test_checkpoint(reentrant):
    calls = []

    def block(x, y):
        calls.append(1)
        return (x.sin() * y).exp()

    grads = []
    for run in (
        block,
        lambda x, y: torch.utils.checkpoint.checkpoint(block, x, y, use_reentrant=reentrant, preserve_rng_state=False),
    ):
        x, y = torch.tensor([0.5, 1.0], requires_grad=True), torch.tensor([2.0, -1.0], requires_grad=True)
        run(x, y).sum().backward()
        grads.append((x.grad.tolist(), y.grad.tolist()))
    assert grads[0] == grads[1] and len(calls) == 3


def test_checkpoint_inside_of_checkpoint():
    checkpoint = torch.utils.checkpoint.checkpoint
    options = {"use_reentrant": False, "preserve_rng_state": False}

    def outer(x):
        return checkpoint(lambda u: (u.sin() * u).exp(), x, **options).cos()

    x = torch.tensor([0.3, 0.7], requires_grad=True)
    checkpoint(outer, x, **options).sum().backward()
    expected = torch.tensor([0.3, 0.7], requires_grad=True)
    (expected.sin() * expected).exp().cos().sum().backward()
    assert x.grad.tolist() == pytest.approx(expected.grad.tolist())


def test_checkpoint_notices_another_second_run():
    runs = []

    def block(x):
        runs.append(1)
        return (x * x if len(runs) == 1 else x.view(1, 2) * x).sum()

    x = torch.ones(2, requires_grad=True)
    y = torch.utils.checkpoint.checkpoint(block, x, use_reentrant=False, preserve_rng_state=False)
    with pytest.raises(RuntimeError, match="different metadata"):
        y.backward()
    with pytest.warns(UserWarning, match="use_reentrant"):
        torch.utils.checkpoint.checkpoint(lambda x: x * 2, x, preserve_rng_state=False)


# ---- profiler, benchmark, handles


def test_profiler(tmp_path):
    profiler = torch.profiler
    traces = []
    schedule = profiler.schedule(wait=1, warmup=1, active=2, repeat=1)
    with profiler.profile(schedule=schedule, on_trace_ready=lambda p: traces.append(p.key_averages())) as prof:
        for _ in range(6):
            with profiler.record_function("work"):
                torch.ones(2) + 1
            prof.step()
    (averages,) = traces
    assert {row.key: row.count for row in averages}["work"] == 2 and "work" in averages.table()
    with profiler.profile() as prof, profiler.record_function("block"):
        pass
    prof.export_chrome_trace(str(tmp_path / "trace.json"))
    assert json.loads((tmp_path / "trace.json").read_text())["traceEvents"][0]["name"] == "block"


def test_benchmark():
    measured = torch.utils.benchmark.Timer("x + x", globals={"x": torch.ones(2)}, label="add").blocked_autorange(
        min_run_time=0.01
    )
    assert 0 < measured.median < 0.01 and "add" in repr(measured)


def test_removable_handle():
    hooks = OrderedDict()
    handle = torch.utils.hooks.RemovableHandle(hooks)
    hooks[handle.id] = print
    with handle:
        assert hooks
    assert not hooks
    handle.remove()


# ---- processes


def _double(index, path, n):
    Path(path, str(index)).write_text(str(n * index))


def _fail(index):
    if index == 1:
        raise ArithmeticError("the second one fails")


def _leave(index):
    os._exit(3)


def test_spawn(tmp_path):
    multiprocessing = torch.multiprocessing
    multiprocessing.start_processes(_double, (str(tmp_path), 5), nprocs=2, start_method="fork")
    assert [(tmp_path / str(i)).read_text() for i in range(2)] == ["0", "5"]
    with pytest.raises(multiprocessing.ProcessRaisedException, match="the second one fails"):
        multiprocessing.start_processes(_fail, nprocs=2, start_method="fork")
    with pytest.raises(multiprocessing.ProcessExitedException, match="exit code 3") as caught:
        multiprocessing.start_processes(_leave, nprocs=1, start_method="fork")
    assert caught.value.exit_code == 3
    assert multiprocessing.get_start_method() in multiprocessing.get_all_start_methods()


# ---- as_torch


def run(*arguments, cwd=None):
    environment = dict(os.environ, PYTHONPATH=str(ROOT))
    return subprocess.run(
        [sys.executable, "-m", "rushlight.as_torch", *arguments],
        capture_output=True,
        text=True,
        env=environment,
        cwd=cwd,
        timeout=60,
    )


SCRIPT = """
import sys
import torch
import torch.nn as nn
import torch.optim.lr_scheduler
from torch.utils.data import DataLoader, TensorDataset
from torch import Tensor
import rushlight
import helper

assert torch is rushlight and nn is rushlight.nn
assert sys.modules["torch.utils.data"] is sys.modules["rushlight.utils.data"]
assert nn.__name__ == "rushlight.nn" and nn.__spec__.name == "rushlight.nn"
assert __name__ == "__main__" and __file__.endswith("script.py")
assert tuple(int(n) for n in torch.__version__.split("+")[0].split(".")) >= (2, 0)

class Thing:
    pass

import pickle
assert isinstance(pickle.loads(pickle.dumps(Thing())), Thing)
try:
    import torch.nothing_of_the_kind
except ModuleNotFoundError as error:
    print(error)
print(sys.argv[1:], helper.answer, torch.ones(2).tolist())
"""


def test_as_torch_runs_scripts_modules_and_code(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    (tmp_path / "helper.py").write_text("answer = 42\n")
    result = run(str(tmp_path / "script.py"), "--epochs", "3")
    assert result.returncode == 0, result.stderr
    assert (
        result.stdout
        == "No module named 'torch.nothing_of_the_kind': it is not in Rushlight yet\n['--epochs', '3'] 42 [1.0, 1.0]\n"
    )
    (tmp_path / "mod.py").write_text(
        "import sys, torch\nprint(sys.argv[1:], torch.__version__.partition('+')[2][:9], __name__)\n"
    )
    result = run("-m", "mod", "a", cwd=tmp_path)
    assert result.stdout == "['a'] rushlight __main__\n", result.stderr
    result = run("-c", "import torch.nn, sys; print(sys.argv, torch.nn.__name__)", "x")
    assert result.stdout == "['-c', 'x'] rushlight.nn\n", result.stderr


def test_as_torch_reports_errors_and_exit_codes(tmp_path):
    (tmp_path / "fails.py").write_text("raise SystemExit(5)\n")
    assert run(str(tmp_path / "fails.py")).returncode == 5
    (tmp_path / "raises.py").write_text("def f():\n    raise ValueError('here')\nf()\n")
    result = run(str(tmp_path / "raises.py"))
    assert result.returncode == 1 and "raises.py" in result.stderr and "ValueError: here" in result.stderr
    assert run().returncode == 2 and "usage" in run("-h").stdout
    assert "can't open file" in run(str(tmp_path / "nothing.py")).stderr


def test_as_torch_install():
    code = (
        "import rushlight.as_torch as a; a.install(); a.install(); import torch, rushlight, torch.utils.data; "
        "assert torch is rushlight; a.uninstall(); import sys; assert 'torch' not in sys.modules; "
        "print(rushlight.__version__)"
    )
    environment = dict(os.environ, PYTHONPATH=str(ROOT))
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=60)
    assert result.returncode == 0 and "rushlight" not in result.stdout, result.stderr


def test_nothing_heavy_is_imported():
    code = (
        "import sys; before = set(sys.modules); import rushlight; heavy = ('numpy', 'dataclasses', 'multiprocessing', "
        "'zipfile', "
        "'rushlight.nn'); print([m for m in heavy if m in sys.modules and m not in before])"
    )
    environment = dict(os.environ, PYTHONPATH=str(ROOT))
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=60)
    assert result.stdout == "[]\n", result.stderr


def test_no_warnings_from_asking():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        torch.cuda.is_available(), torch.backends.mps.is_available(), torch.accelerator.is_available()


def test_as_torch_reaches_processes_that_start_afresh(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        "import torch\n"
        "import torch.multiprocessing as mp\n"
        "def work(queue):\n"
        "    queue.put((torch.__name__, torch.ones(2).sum().item()))\n"
        "if __name__ == '__main__':\n"
        "    context = mp.get_context('spawn')\n"
        "    queue = context.SimpleQueue()\n"
        "    process = context.Process(target=work, args=(queue,))\n"
        "    process.start()\n"
        "    print(queue.get())\n"
        "    process.join()\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    run = subprocess.run(
        [sys.executable, "-m", "rushlight.as_torch", str(program)],
        capture_output=True, text=True, env=environment, timeout=120,
    )  # fmt: skip
    assert run.stdout.strip() == "('rushlight', 2.0)", run.stderr
