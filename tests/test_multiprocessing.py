"""Tensors between processes: by handle, freed with the last holder, however that one ends."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
import time

import pytest

import rushlight as torch
import rushlight.multiprocessing as mp
from rushlight import nn

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no memory is passed between processes on Windows")

METHODS = [method for method in ("fork", "forkserver", "spawn") if method in mp.get_all_start_methods()]


def shared_bytes() -> int:
    """All shared memory of this machine that has no other name: what memfd and /dev/shm hold."""
    with open("/proc/meminfo") as file:
        for line in file:
            if line.startswith("Shmem:"):
                return int(line.split()[1]) * 1024
    raise AssertionError("no line 'Shmem:'")


def segments() -> set[str]:
    return set(os.listdir("/dev/shm")) if os.path.isdir("/dev/shm") else set()


@pytest.fixture(autouse=True)
def nothing_leaks():
    before = segments()
    yield
    gc.collect()
    left = {name for name in segments() - before if not name.startswith(("sem.", "pym-", "psm_"))}
    assert not left


# ---- in one process


def test_sharing_moves_memory_under_all_views():
    x = torch.arange(6.0).reshape(2, 3)
    view, data, detached = x[1], x.data, x.detach()
    assert not x.is_shared()
    assert x.share_memory_() is x
    assert all(t.is_shared() for t in (x, view, data, detached))
    x.fill_(7)
    assert view.tolist() == [7, 7, 7] and data.sum().item() == 42
    assert x.untyped_storage().is_shared() and x.storage().is_shared()
    assert not torch.ones(3).is_shared()
    assert torch.empty(0).share_memory_().is_shared()


def test_arrays_stay_valid_when_the_tensor_moves():
    np = pytest.importorskip("numpy")
    x = torch.arange(4.0)
    array = x.numpy()
    x.share_memory_()
    x.fill_(1)
    assert array.tolist() == [0, 1, 2, 3]  # its memory stayed behind
    assert x.numpy().tolist() == [1, 1, 1, 1]
    y = torch.from_numpy(np.arange(3.0)).share_memory_()
    assert y.is_shared() and y.tolist() == [0, 1, 2]


def test_a_shared_module_keeps_its_parameters_and_their_graph():
    model = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    x = torch.randn(4, 3)
    before = model(x)
    assert model.share_memory() is model
    assert all(p.is_shared() for p in (*model.parameters(), *model.buffers()))
    assert all(isinstance(p, nn.Parameter) and p.is_leaf for p in model.parameters())
    before.sum().backward()  # recorded before the move
    assert model[0].weight.grad is not None
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    old = model[0].bias.clone()
    model(x).square().sum().backward()
    optimizer.step()
    assert model[0].bias.is_shared() and not torch.equal(old, model[0].bias)


def test_new_shared_storage_is_zero():
    storage = torch.UntypedStorage._new_shared(100)
    assert storage.is_shared() and storage.tolist() == [0] * 100
    with pytest.raises(RuntimeError, match="share_memory_"):
        torch.UntypedStorage(4)._shared_handle()


def test_strategies():
    assert mp.get_sharing_strategy() in mp.get_all_sharing_strategies()
    mp.set_sharing_strategy("file_system")
    assert mp.get_sharing_strategy() == "file_system"
    mp.set_sharing_strategy("file_descriptor")
    with pytest.raises(AssertionError, match="unknown sharing strategy"):
        mp.set_sharing_strategy("carrier pigeon")


def test_names():
    for name in "Process Pool Queue SimpleQueue JoinableQueue Event Lock RLock Manager Pipe Value Array Barrier spawn".split():
        assert callable(getattr(mp, name)), name
    assert mp.get_context("spawn").get_start_method() == "spawn"
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        mp.nothing  # noqa: B018


# ---- by handle


def _fill(tensor: torch.Tensor, value: float) -> None:
    assert tensor.is_shared()
    tensor.fill_(value)


@pytest.mark.parametrize("method", METHODS)
def test_arguments_are_the_same_memory(method):
    x = torch.zeros(3).share_memory_()
    process = mp.get_context(method).Process(target=_fill, args=(x, 5.0))
    process.start()
    process.join(60)
    assert process.exitcode == 0 and x.tolist() == [5, 5, 5]


def _echo(requests, answers) -> None:
    while (item := requests.get()) is not None:
        if isinstance(item, dict):
            item["base"].add_(1)
            assert item["view"].untyped_storage().data_ptr() == item["base"].untyped_storage().data_ptr()
        answers.put(item)


@pytest.mark.parametrize("kind", ["Queue", "SimpleQueue"])
def test_queues_carry_handles(kind):
    context = mp.get_context("fork")
    requests, answers = getattr(context, kind)(), getattr(context, kind)()
    process = context.Process(target=_echo, args=(requests, answers), daemon=True)
    process.start()
    base = torch.zeros(4, 4)
    sent = {"base": base, "view": base[1:, ::2], "parameter": nn.Parameter(torch.ones(2)), "storage": base.storage()}
    for turn in range(1, 4):
        requests.put(sent)
        back = answers.get()
        assert base.sum().item() == 16 * turn
        # what comes back is what went out, not a third mapping
        assert back["base"].data_ptr() == base.data_ptr()
        assert back["view"].shape == (3, 2) and back["view"].stride() == (4, 2)
        assert type(back["parameter"]) is nn.Parameter and back["parameter"].requires_grad
        assert type(back["storage"]) is torch.FloatStorage and back["storage"].data_ptr() == base.data_ptr()
    for value in (torch.empty(0), torch.tensor(3), torch.ones(2, dtype=torch.bfloat16), torch.ones(1, requires_grad=True)):
        requests.put(value)
        back = answers.get()
        assert back.dtype == value.dtype and back.shape == value.shape and back.requires_grad == value.requires_grad
        assert torch.equal(back, value)
    with pytest.raises(RuntimeError, match="non-leaf"):
        mp.reductions.reduce_tensor(torch.ones(1, requires_grad=True) * 2)
    requests.put(None)
    process.join(30)
    assert process.exitcode == 0


def _square(x: torch.Tensor) -> torch.Tensor:
    return x.square_() if x.is_shared() else x.square()


def _hold(manager_list) -> None:
    manager_list.append(torch.full((3,), 2.0))


def test_pool_manager_and_pipe():
    with mp.get_context("fork").Pool(2) as pool:
        given = [torch.full((2,), float(i)) for i in range(8)]
        assert [int(y[0]) for y in pool.map(_square, given)] == [i * i for i in range(8)]
    with mp.Manager() as manager:
        held = manager.list()
        held.append(torch.arange(3.0))
        _hold(held)
        assert [t.tolist() for t in held] == [[0, 1, 2], [2, 2, 2]]
    ours, theirs = mp.Pipe()
    x = torch.arange(3)
    theirs.send(x)
    assert ours.recv().data_ptr() == x.data_ptr()


def _one_tensor(queue, go) -> None:
    queue.put(torch.ones(3))
    go.wait(30)


def test_a_sender_that_is_gone_is_named():
    context = mp.get_context("fork")
    queue, go = context.Queue(), context.Event()
    process = context.Process(target=_one_tensor, args=(queue, go))
    process.start()
    assert queue._poll(30)
    process.kill()
    process.join()
    with pytest.raises(RuntimeError, match=f"process {process.pid} cannot be received"):
        queue.get()


def _many(tensors) -> None:
    assert len(tensors) == 300 and all(t.is_shared() for t in tensors)
    for t in tensors:
        t.add_(1)


@pytest.mark.parametrize("method", METHODS)
def test_more_tensors_than_a_process_starts_with(method):
    tensors = [torch.zeros(1).share_memory_() for _ in range(300)]
    process = mp.get_context(method).Process(target=_many, args=(tensors,))
    process.start()
    process.join(60)
    assert process.exitcode == 0 and all(t.item() == 1 for t in tensors)


def test_the_limit_of_open_files_is_raised():
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    low = len(os.listdir("/proc/self/fd")) + 20 if os.path.isdir("/proc/self/fd") else 128
    if hard != resource.RLIM_INFINITY and hard < low + 100:
        pytest.skip("the hard limit leaves no room")
    resource.setrlimit(resource.RLIMIT_NOFILE, (low, hard))
    try:
        tensors = [torch.zeros(1).share_memory_() for _ in range(60)]
        assert all(t.is_shared() for t in tensors)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


# ---- freed, also when holders are killed

MIB = 1 << 20


@pytest.mark.skipif(not os.path.exists("/proc/meminfo"), reason="counts what /proc/meminfo says")
def test_memory_goes_with_the_last_tensor():
    before = shared_bytes()
    x = torch.ones(64 * MIB, dtype=torch.uint8).share_memory_()
    assert shared_bytes() - before > 48 * MIB
    view = x[10:20]
    del x
    gc.collect()
    assert shared_bytes() - before > 48 * MIB and view.sum().item() == 10
    del view
    gc.collect()
    assert shared_bytes() - before < 32 * MIB


def _hold_and_wait(queue, tensor) -> None:
    own = torch.ones(4 * MIB, dtype=torch.uint8).share_memory_()
    queue.put((own, tensor[0].item()))
    time.sleep(120)


@pytest.mark.skipif(not os.path.exists("/proc/meminfo"), reason="counts what /proc/meminfo says")
def test_killed_holders_leave_nothing():
    context = mp.get_context("fork")
    before, count = shared_bytes(), 20
    for _ in range(count):
        queue = context.SimpleQueue()
        given = torch.ones(4 * MIB, dtype=torch.uint8).share_memory_()
        process = context.Process(target=_hold_and_wait, args=(queue, given), daemon=True)
        process.start()
        received, one = queue.get()
        assert one == 1 and received.is_shared()
        os.kill(process.pid, signal.SIGKILL)
        process.join(30)
        assert received[-1].item() == 1  # who still holds it still has it
        del received, given
    gc.collect()
    assert shared_bytes() - before < count * 4 * MIB


# ---- Hogwild


def _train(model: nn.Module, seed: int, steps: int) -> None:
    torch.manual_seed(seed)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    true = torch.tensor([[1.0, -2.0, 3.0]])
    for _ in range(steps):
        x = torch.randn(16, 3)
        optimizer.zero_grad()
        loss = (model(x) - x @ true.t() - 0.5).square().mean()
        loss.backward()
        optimizer.step()


@pytest.mark.parametrize("method", METHODS)
def test_hogwild(method):
    model = nn.Linear(3, 1)
    model.share_memory()
    processes = [mp.get_context(method).Process(target=_train, args=(model, seed, 150)) for seed in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
        assert process.exitcode == 0
    assert torch.allclose(model.weight, torch.tensor([[1.0, -2.0, 3.0]]), atol=0.05)
    assert torch.allclose(model.bias, torch.tensor([0.5]), atol=0.05)


# ---- spawn


def _write(index: int, results: torch.Tensor) -> None:
    results[index] = index + 1


def _raise(index: int) -> None:
    if index == 1:
        raise ValueError("the second one fails")
    time.sleep(60)


def _kill_itself(index: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_spawn():
    results = torch.zeros(2)
    results.share_memory_()
    mp.spawn(_write, args=(results,), nprocs=2)
    assert results.tolist() == [1, 2]
    with pytest.raises(mp.ProcessRaisedException, match="(?s)Process 1 terminated.*ValueError: the second one fails") as caught:
        mp.start_processes(_raise, nprocs=2, start_method="fork")
    assert caught.value.error_index == 1 and caught.value.error_pid == caught.value.pid
    with pytest.raises(mp.ProcessExitedException, match="SIGKILL") as killed:
        mp.start_processes(_kill_itself, nprocs=1, start_method="fork")
    assert killed.value.signal_name == "SIGKILL" and killed.value.exit_code == -signal.SIGKILL


# ---- threads and forks


def _work_after_fork(expected: torch.Tensor, results: torch.Tensor) -> None:
    x = torch.arange(1 << 20, dtype=torch.float32).reshape(1024, 1024)
    results[0] = float(torch.equal((x @ x).sum(0), expected))
    torch.set_num_threads(2)
    results[1] = float(torch.equal((x @ x).sum(0), expected))


def test_the_thread_pool_works_in_a_forked_child():
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    try:
        x = torch.arange(1 << 20, dtype=torch.float32).reshape(1024, 1024)
        expected = (x @ x).sum(0)  # the pool has threads now, which a child does not inherit
        results = torch.zeros(2).share_memory_()
        for _ in range(5):
            results.zero_()
            process = mp.get_context("fork").Process(target=_work_after_fork, args=(expected, results))
            process.start()
            process.join(60)
            assert process.exitcode == 0 and results.tolist() == [1, 1]
        assert torch.equal((x @ x).sum(0), expected)
    finally:
        torch.set_num_threads(before)


def _draw(results: torch.Tensor) -> None:
    torch.manual_seed(1)
    results[0] = torch.rand(1).item()
    results[1] = float(torch.ones(2).share_memory_().is_shared())


def test_forks_while_other_threads_are_at_work():
    """No lock that another thread has stays closed in the child."""
    stop = threading.Event()

    def busy() -> None:
        a = torch.randn(200, 200)
        while not stop.is_set():
            torch.randn(100_000), a @ a, torch.rand(10), torch.zeros(5).share_memory_()

    threads = [threading.Thread(target=busy) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        expected = torch.rand(1, generator=torch.Generator().manual_seed(1)).item()
        results = torch.zeros(2).share_memory_()
        for _ in range(20):
            results.zero_()
            process = mp.get_context("fork").Process(target=_draw, args=(results,), daemon=True)
            process.start()
            process.join(20)
            if process.exitcode is None:
                process.kill()
            assert process.exitcode == 0
            assert results.tolist() == [expected, 1]
    finally:
        stop.set()
        for thread in threads:
            thread.join()
