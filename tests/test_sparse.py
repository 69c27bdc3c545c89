"""Sparse tensors in coordinate form, against the same on dense tensors."""

from __future__ import annotations

import copy
import io
import pickle

import pytest

import rushlight as torch

INDICES = torch.tensor([[0, 1, 1, 2, 1], [2, 0, 2, 1, 0]])  # (1, 0) stands twice
VALUES = torch.tensor([1.5, -2.0, 3.0, 0.5, 4.0])
DENSE = torch.tensor([[0.0, 0.0, 1.5, 0.0], [2.0, 0.0, 3.0, 0.0], [0.0, 0.5, 0.0, 0.0]])


def s() -> torch.Tensor:
    return torch.sparse_coo_tensor(INDICES, VALUES, (3, 4))


def hybrid() -> torch.Tensor:
    return torch.sparse_coo_tensor([[0, 2, 2]], torch.arange(6.0).reshape(3, 2), (4, 2))


def same(a: torch.Tensor, b: torch.Tensor) -> None:
    torch.testing.assert_close(a.to_dense() if a.is_sparse else a, b)


def test_what_it_says_of_itself():
    x = s()
    assert isinstance(x, torch.Tensor) and x.is_sparse and x.layout == torch.sparse_coo and not DENSE.is_sparse
    assert x.shape == (3, 4) and x.size(1) == 4 and x.dim() == 2 and len(x) == 3 and x.numel() == 12
    assert x.dtype == torch.float32 and x.device.type == "cpu" and not x.requires_grad and x.is_floating_point()
    assert x.sparse_dim() == 2 and x.dense_dim() == 0 and hybrid().sparse_dim() == 1 and hybrid().dense_dim() == 1
    assert x._nnz() == 5 and not x.is_coalesced() and x._values().tolist() == VALUES.tolist()
    assert x.type() == "torch.sparse.FloatTensor" and isinstance(x, torch.sparse.FloatTensor)
    assert not isinstance(x, torch.sparse.DoubleTensor) and not isinstance(DENSE, torch.sparse.FloatTensor)
    with pytest.raises(RuntimeError, match="uncoalesced"):
        x.indices()
    with pytest.raises(RuntimeError, match="uncoalesced"):
        x.values()


def test_coalesce():
    x = s().coalesce()
    assert x.is_coalesced() and x.coalesce() is x
    assert x.indices().tolist() == [[0, 1, 1, 2], [2, 0, 2, 1]] and x.values().tolist() == [1.5, 2.0, 3.0, 0.5]
    same(x, DENSE)
    same(hybrid().coalesce(), torch.tensor([[0.0, 1.0], [0, 0], [6, 8], [0, 0]]))
    flags = torch.sparse_coo_tensor([[0, 1, 1]], [True, False, True], (3,))
    assert flags.to_dense().tolist() == [True, True, False] == flags.coalesce().to_dense().tolist()


def test_constructors():
    assert torch.sparse_coo_tensor(INDICES, VALUES).shape == (3, 3)
    assert torch.sparse_coo_tensor([[0, 1], [1, 0]], [1, 2]).dtype == torch.int64
    assert torch.sparse_coo_tensor(INDICES, VALUES, (3, 4), dtype=torch.float64).dtype == torch.float64
    assert torch.sparse_coo_tensor(size=(2, 3))._nnz() == 0
    same(torch.sparse_coo_tensor(torch.empty((2, 0)), [], (2, 3)), torch.zeros(2, 3))
    same(torch.sparse.FloatTensor(INDICES, VALUES, torch.Size([3, 4])), DENSE)
    assert torch.sparse.FloatTensor(2, 3).shape == (2, 3) == torch.sparse.FloatTensor(torch.Size([2, 3])).shape
    same(DENSE.to_sparse(), DENSE)
    assert DENSE.to_sparse().is_coalesced() and DENSE.to_sparse()._nnz() == 4
    assert DENSE.to_sparse(1).dense_dim() == 1
    same(DENSE.to_sparse(1), DENSE)
    assert torch.tensor(3.0).to_sparse().to_dense().item() == 3.0
    same(DENSE.sparse_mask(s().coalesce()), DENSE)
    same(
        torch.sparse.spdiags(torch.arange(9.0).reshape(3, 3), torch.tensor([0, -1, 1]), (3, 3)),
        torch.tensor([[0.0, 7, 0], [3, 1, 8], [0, 4, 2]]),
    )


@pytest.mark.parametrize(
    "args, message",
    [
        ((INDICES, VALUES, (2, 4)), "for dim 0, size is 2 but found index 2"),
        ((INDICES - 1, VALUES, (3, 4)), "found negative index -1 for dim 0"),
        ((INDICES, VALUES[:3], (3, 4)), "must have same nnz"),
        ((INDICES, VALUES, (3, 4, 5)), r"sparse_dim \(2\) \+ dense_dim \(0\), but got 3"),
        ((INDICES[0], VALUES, (3,)), "must be sparse_dim x nnz"),
        ((INDICES.float(), VALUES, (3, 4)), "int64"),
        (([[0, 1]], torch.ones(2, 3), (2, 4)), "values has incorrect size"),
    ],
)
def test_bad_parts_are_refused(args, message):
    with pytest.raises(RuntimeError, match=message):
        torch.sparse_coo_tensor(*args)


M = torch.arange(8.0).reshape(4, 2)
LEFT = torch.tensor([[1.0, 2.0, -1.0]])


@pytest.mark.parametrize(
    "sparse, dense",
    [
        (lambda: torch.mm(s(), M), lambda: DENSE @ M),
        (lambda: torch.spmm(s(), M), lambda: DENSE @ M),
        (lambda: torch.sparse.mm(s(), M), lambda: DENSE @ M),
        (lambda: s() @ M, lambda: DENSE @ M),
        (lambda: s().matmul(M), lambda: DENSE @ M),
        (lambda: s() @ M[:, 1], lambda: DENSE @ M[:, 1]),
        (lambda: torch.mv(s(), M[:, 1]), lambda: DENSE @ M[:, 1]),
        (lambda: LEFT @ s(), lambda: LEFT @ DENSE),
        (lambda: torch.sparse.mm(s(), s().t()), lambda: DENSE @ DENSE.t()),
        (lambda: torch.addmm(torch.ones(3, 2), s(), M, beta=2, alpha=0.5), lambda: 2 + 0.5 * (DENSE @ M)),
        (lambda: torch.sparse.addmm(torch.ones(3, 2), s(), M), lambda: 1 + DENSE @ M),
        (lambda: torch.smm(s(), M), lambda: DENSE @ M),
        (lambda: torch.hspmm(s(), M), lambda: DENSE @ M),
        (lambda: torch.nn.functional.linear(s(), M.t(), torch.ones(2)), lambda: DENSE @ M + 1),
        (lambda: s().t(), lambda: DENSE.t()),
        (lambda: s().T, lambda: DENSE.t()),
        (lambda: s().transpose(0, 1), lambda: DENSE.t()),
        (lambda: s().unsqueeze(0), lambda: DENSE[None]),
        (lambda: s() + s(), lambda: 2 * DENSE),
        (lambda: s() + 3 * s().coalesce(), lambda: 4 * DENSE),
        (lambda: torch.add(s(), s(), alpha=-2), lambda: -DENSE),
        (lambda: DENSE + s(), lambda: 2 * DENSE),
        (lambda: s() - s(), lambda: 0 * DENSE),
        (lambda: s() * 2, lambda: 2 * DENSE),
        (lambda: 2 * s(), lambda: 2 * DENSE),
        (lambda: s() / 2, lambda: DENSE / 2),
        (lambda: -s(), lambda: -DENSE),
        (lambda: s() * s(), lambda: DENSE * DENSE),
        (lambda: s() * (DENSE + 1), lambda: DENSE * (DENSE + 1)),
        (lambda: s() * DENSE.to_sparse() * torch.sparse_coo_tensor(size=(3, 4)), lambda: 0 * DENSE),
        (lambda: s() ** 2, lambda: DENSE**2),
        (lambda: s().abs().sqrt(), lambda: DENSE.abs().sqrt()),
        (lambda: torch.relu(-s()), lambda: torch.relu(-DENSE)),
        (lambda: torch.tanh(s()), lambda: torch.tanh(DENSE)),
        (lambda: torch.sparse.sum(s()), lambda: DENSE.sum()),
        (lambda: torch.sparse.sum(s(), 0), lambda: DENSE.sum(0)),
        (lambda: torch.sparse.sum(s(), [1]), lambda: DENSE.sum(1)),
        (lambda: s().sum(1, keepdim=True), lambda: DENSE.sum(1, keepdim=True)),
        (lambda: torch.sparse.sum(hybrid(), 1), lambda: hybrid().to_dense().sum(1)),
        (lambda: torch.sparse.sum(hybrid(), 0), lambda: hybrid().to_dense().sum(0)),
        (lambda: s().norm(), lambda: DENSE.norm()),
        (lambda: s().index_select(0, torch.tensor([2, 0, 0])), lambda: DENSE[[2, 0, 0]]),
        (lambda: s().index_select(1, torch.tensor([0, 3])), lambda: DENSE[:, [0, 3]]),
        (lambda: s()[1], lambda: DENSE[1]),
        (lambda: s()[1, 0], lambda: DENSE[1, 0]),
        (lambda: s()[1:, :3], lambda: DENSE[1:, :3]),
        (lambda: s()[torch.tensor([1, 1])], lambda: DENSE[[1, 1]]),
        (lambda: hybrid()[2], lambda: hybrid().to_dense()[2]),
        (lambda: torch.cat([s(), s()]), lambda: torch.cat([DENSE, DENSE])),
        (lambda: torch.cat([s(), s()], 1), lambda: torch.cat([DENSE, DENSE], 1)),
        (lambda: s().double().float(), lambda: DENSE),
        (lambda: s().to("cpu"), lambda: DENSE),
        (lambda: s().clone().detach().cpu().data, lambda: DENSE),
        (lambda: torch.zeros_like(s()), lambda: 0 * DENSE),
        (lambda: copy.deepcopy(s()), lambda: DENSE),
        (lambda: pickle.loads(pickle.dumps(s())), lambda: DENSE),
    ],
)
def test_operations_equal_those_on_dense_tensors(sparse, dense):
    same(sparse(), dense())


def test_softmax_is_over_what_is_stored():
    filled = DENSE.masked_fill(DENSE == 0, -torch.inf)
    for dim in (0, 1):
        expected = torch.softmax(filled, dim).nan_to_num(0)
        same(torch.sparse.softmax(s(), dim), expected)
        logs = torch.sparse.log_softmax(s(), dim).coalesce()
        torch.testing.assert_close(logs.values().exp(), expected[tuple(logs.indices())])


def test_in_place():
    x = s()
    x.mul_(2)
    same(x, 2 * DENSE)
    x.add_(s())
    same(x, 3 * DENSE)
    x.zero_()
    assert x._nnz() == 0
    x.copy_(s())
    same(x, DENSE)
    y = torch.ones(3, 4)
    y.add_(s(), alpha=2)
    same(y, 1 + 2 * DENSE)


def test_gradients_flow_to_values_and_dense_operands():
    w, values = M.clone().requires_grad_(), VALUES.clone().requires_grad_()
    out = torch.sparse.mm(torch.sparse_coo_tensor(INDICES, values, (3, 4)), w)
    (out * out).sum().backward()
    d, v = DENSE.clone().requires_grad_(), M.clone().requires_grad_()
    ((d @ v) ** 2).sum().backward()
    torch.testing.assert_close(w.grad, v.grad)
    torch.testing.assert_close(values.grad, d.grad[tuple(INDICES)])
    leaf = s().coalesce().requires_grad_()
    assert leaf.requires_grad and leaf.is_leaf
    torch.sparse.sum(leaf * leaf).backward()
    assert leaf.grad.is_sparse
    same(leaf.grad, 2 * DENSE)
    x = DENSE.clone().requires_grad_()
    torch.sparse.mm(x.to_sparse(), M).sum().backward()
    torch.testing.assert_close(x.grad, (DENSE != 0) * M.sum(1))
    double = s().double().coalesce()
    vals = double.values().clone().requires_grad_()

    def function(vals):
        x = torch.sparse_coo_tensor(double.indices(), vals, (3, 4), is_coalesced=True)
        return torch.sparse.softmax(x, 1).to_dense(), torch.sparse.mm(x, x.t()).to_dense()

    assert torch.autograd.gradcheck(function, (vals,))


def test_a_graph_convolution_learns():
    torch.manual_seed(0)
    n = 40
    label = torch.arange(n) % 2
    edges = [(a, b) for a in range(n) for b in range(n) if label[a] == label[b] and (a * 7 + b * 3) % 5 == 0]
    i = torch.tensor(edges).t()
    adjacency = torch.sparse_coo_tensor(i, torch.ones(i.shape[1]) / 4, (n, n)).coalesce()
    x = torch.randn(n, 8)
    w1, w2 = (torch.randn(8, 8) * 0.3).requires_grad_(), (torch.randn(8, 2) * 0.3).requires_grad_()
    optimizer = torch.optim.Adam([w1, w2], lr=0.05)
    for _ in range(60):
        optimizer.zero_grad()
        out = torch.spmm(adjacency, torch.relu(torch.spmm(adjacency, x @ w1)) @ w2)
        loss = torch.nn.functional.cross_entropy(out, label)
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.1


def test_save_load_and_print():
    file = io.BytesIO()
    torch.save({"a": s()}, file)
    file.seek(0)
    same(torch.load(file, weights_only=True)["a"], DENSE)
    assert repr(torch.sparse_coo_tensor([[0, 1], [1, 0]], [1.0, 2.0])) == (
        "tensor(indices=tensor([[0, 1],\n                       [1, 0]]),\n       values=tensor([1., 2.]),\n"
        "       size=(2, 2), nnz=2, layout=torch.sparse_coo)"
    )


def test_what_cannot_be_done_says_so():
    with pytest.raises(NotImplementedError, match="cumsum of sparse tensors .* to_dense"):
        s().cumsum(0)
    with pytest.raises(RuntimeError, match="would not be sparse"):
        s() + 1
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        s() @ DENSE
    with pytest.raises(RuntimeError, match="one size"):
        s() + s().t()
    with pytest.raises(RuntimeError, match="strides or storage"):
        s().stride()
    with pytest.raises(TypeError, match="numpy"):
        s().numpy()
    with pytest.raises(RuntimeError, match="values expected sparse tensor layout but got Strided"):
        DENSE.values()
    with pytest.raises(IndexError, match="out of range"):
        s()[7]
    with pytest.raises(NotImplementedError, match="sparse_coo"):
        DENSE.to_sparse(layout=torch.sparse_csr)
    with pytest.raises(RuntimeError, match="only|same dtype"):
        torch.mm(s(), M.double())
