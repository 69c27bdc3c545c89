"""Datasets, samplers, collation and the DataLoader; orders against those that PyTorch gave for the same seeds."""

from __future__ import annotations

import json
import warnings
from collections import OrderedDict, namedtuple
from pathlib import Path

import pytest

import rushlight as torch
from rushlight.utils import data

NUMBERS = json.loads((Path(__file__).parent / "data" / "pytorch_numbers.json").read_text())["data"]
Pair = namedtuple("Pair", "x y")


class Stream(data.IterableDataset):
    def __init__(self, n, claim=None):
        self.n, self.claim = n, claim

    def __iter__(self):
        return iter(range(self.n))

    def __len__(self):
        return self.n if self.claim is None else self.claim


def lists(batches):
    return [b.tolist() for b in batches]


# ---- the same seed gives PyTorch's orders


def test_shuffled_order_and_what_it_draws():
    torch.manual_seed(0)
    assert lists(data.DataLoader(range(10), batch_size=4, shuffle=True)) == NUMBERS["shuffle"]
    assert torch.randint(0, 1000, (3,)).tolist() == NUMBERS["after"]
    torch.manual_seed(1)
    assert [len(list(data.DataLoader(range(10), batch_size=4))), torch.randint(0, 1000, (3,)).tolist()] == NUMBERS[
        "sequential_after"
    ]


def test_random_split():
    torch.manual_seed(2)
    assert [list(part.indices) for part in data.random_split(range(10), [0.5, 0.3, 0.2])] == NUMBERS["split"]
    assert [len(part) for part in data.random_split(range(10), [3, 7])] == [3, 7]
    with pytest.raises(ValueError, match="Sum of input lengths"):
        data.random_split(range(10), [3, 3])
    with pytest.raises(ValueError, match="Fraction at index 0"):
        data.random_split(range(10), [-0.5, 1.5])


def test_samplers():
    torch.manual_seed(3)
    assert list(data.RandomSampler(range(7), replacement=True, num_samples=40)) == NUMBERS["replacement"]
    generator = torch.Generator().manual_seed(5)
    assert lists(data.DataLoader(range(9), batch_size=3, shuffle=True, generator=generator)) == NUMBERS["generator"]
    torch.manual_seed(4)
    assert list(data.WeightedRandomSampler([0.1, 0.9, 3.0], 10)) == NUMBERS["weighted"]
    assert list(data.SubsetRandomSampler([3, 1, 4, 1, 5])) == NUMBERS["subset"]
    assert [list(data.DistributedSampler(range(10), 3, rank)) for rank in range(3)] == NUMBERS["distributed"]


def test_distributed_sampler():
    sampler = data.DistributedSampler(range(10), num_replicas=4, rank=1, shuffle=False)
    assert list(sampler) == [1, 5, 9] and len(sampler) == 3
    assert list(data.DistributedSampler(range(10), 4, 1, shuffle=False, drop_last=True)) == [1, 5]
    a = data.DistributedSampler(range(10), 2, 0)
    first = list(a)
    a.set_epoch(1)
    assert list(a) != first
    with pytest.raises(ValueError, match="Invalid rank"):
        data.DistributedSampler(range(10), 2, 2)
    with pytest.raises(RuntimeError, match="num_replicas"):
        data.DistributedSampler(range(10))


def test_batch_sampler():
    batches = data.BatchSampler(data.SequentialSampler(range(10)), 3, False)
    assert list(batches) == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9]] and len(batches) == 4
    assert list(data.BatchSampler(range(10), 3, True))[-1] == [6, 7, 8]
    for bad in (0, -1, True, 1.5):
        with pytest.raises(ValueError, match="batch_size"):
            data.BatchSampler(range(3), bad, False)


def test_sampler_arguments():
    with pytest.raises(ValueError, match="positive integer"):
        data.RandomSampler([])
    with pytest.raises(TypeError, match="boolean"):
        data.RandomSampler(range(3), replacement=1)
    with pytest.raises(ValueError, match="1d sequence"):
        data.WeightedRandomSampler([[1.0, 2.0]], 3)
    with pytest.raises(ValueError, match="num_samples"):
        data.WeightedRandomSampler([1.0], 0)


# ---- datasets


def test_tensor_dataset_and_subset():
    x, y = torch.arange(12).view(6, 2), torch.arange(6)
    dataset = data.TensorDataset(x, y)
    assert len(dataset) == 6 and [t.tolist() for t in dataset[2]] == [[4, 5], 2]
    subset = data.Subset(dataset, [5, 0, 3])
    (loaded,) = data.DataLoader(subset, batch_size=3)
    assert (
        isinstance(loaded, list)
        and loaded[0].tolist() == [[10, 11], [0, 1], [6, 7]]
        and loaded[1].tolist() == [5, 0, 3]
    )
    with pytest.raises(AssertionError, match="Size mismatch"):
        data.TensorDataset(x, torch.arange(5))


def test_gathering_equals_stacking():
    x, y = torch.arange(12.0).view(6, 2), torch.arange(6)

    class Rows(data.TensorDataset):
        def __getitem__(self, i):
            return super().__getitem__(i)

    for fast, slow in zip(data.DataLoader(data.TensorDataset(x, y), 4), data.DataLoader(Rows(x, y), 4)):
        assert [t.tolist() for t in fast] == [t.tolist() for t in slow]
        assert [t.dtype for t in fast] == [t.dtype for t in slow]
    (batch,) = data.DataLoader(data.TensorDataset(y), batch_sampler=[[-1, 2]])
    assert batch[0].tolist() == [5, 2]


def test_concat_and_chain():
    both = data.TensorDataset(torch.arange(3)) + data.TensorDataset(torch.arange(10, 12))
    assert [both[i][0].item() for i in (0, 2, 3, 4, -1, -5)] == [0, 2, 10, 11, 11, 0] and len(both) == 5
    with pytest.raises(ValueError, match="should not exceed"):
        both[-6]
    with pytest.raises(IndexError):
        both[5]
    with pytest.raises(AssertionError, match="empty"):
        data.ConcatDataset([])
    chain = Stream(2) + Stream(3)
    assert list(chain) == [0, 1, 0, 1, 2] and len(chain) == 5


def test_stack_dataset():
    pairs = data.StackDataset(list("abc"), [1, 2, 3])
    assert pairs[1] == ("b", 2) and pairs.__getitems__([0, 2]) == [("a", 1), ("c", 3)]
    named = data.StackDataset(letter=list("abc"), number=[1, 2, 3])
    assert next(iter(data.DataLoader(named, 2)))["letter"] == ["a", "b"]
    with pytest.raises(ValueError, match="Size mismatch"):
        data.StackDataset([1], [1, 2])


# ---- collation


def test_collation():
    batch = data.default_collate(
        [{"a": (1, 2.0, "x", True), "b": torch.ones(2)}, {"a": (3, 4.0, "y", False), "b": torch.zeros(2)}]
    )
    ints, floats, texts, flags = batch["a"]
    assert ints.tolist() == [1, 3] and ints.dtype == torch.int64
    assert floats.tolist() == [2.0, 4.0] and floats.dtype == torch.float64
    assert texts == ("x", "y") and flags.dtype == torch.bool
    assert batch["b"].shape == (2, 2)
    pair = data.default_collate([Pair(1, [2]), Pair(3, [4])])
    assert isinstance(pair, Pair) and pair.x.tolist() == [1, 3] and pair.y[0].tolist() == [2, 4]
    ordered = data.default_collate([OrderedDict(b=1, a=2), OrderedDict(b=3, a=4)])
    assert isinstance(ordered, OrderedDict) and list(ordered) == ["b", "a"]


def test_collation_of_arrays():
    np = pytest.importorskip("numpy")
    batch = data.default_collate([np.arange(3), np.arange(3)])
    assert batch.tolist() == [[0, 1, 2], [0, 1, 2]]
    assert data.default_collate([np.float64(1.5), np.float64(2.5)]).tolist() == [1.5, 2.5]
    with pytest.raises(TypeError, match="default_collate"):
        data.default_collate([np.array(["a"]), np.array(["b"])])
    converted = data.default_convert([np.arange(2), "text", (1, np.zeros(1))])
    assert converted[0].tolist() == [0, 1] and converted[1] == "text" and converted[2][1].dtype == torch.float64


def test_collation_errors():
    with pytest.raises(RuntimeError, match="equal size"):
        data.default_collate([(1, 2), (1,)])
    with pytest.raises(RuntimeError, match="equal size"):
        data.default_collate([[1, 2], [1]])
    with pytest.raises(TypeError, match="found <class 'object'>"):
        data.default_collate([object()])


# ---- the loader


def test_lengths_and_last_batches():
    assert [len(data.DataLoader(range(10), n, drop_last=d)) for n in (1, 3, 10, 11) for d in (False, True)] == [
        10,
        10,
        4,
        3,
        1,
        1,
        1,
        0,
    ]
    assert lists(data.DataLoader(range(5), 2, drop_last=True)) == [[0, 1], [2, 3]]
    assert list(data.DataLoader(range(3), batch_size=None)) == [0, 1, 2]
    assert list(data.DataLoader(range(4), 2, collate_fn=list)) == [[0, 1], [2, 3]]


def test_streams():
    assert lists(data.DataLoader(Stream(5), 2)) == [[0, 1], [2, 3], [4]]
    assert lists(data.DataLoader(Stream(5), 2, drop_last=True)) == [[0, 1], [2, 3]]
    assert list(data.DataLoader(Stream(3), batch_size=None)) == [0, 1, 2]
    assert len(data.DataLoader(Stream(5), 2)) == 3
    loader = data.DataLoader(Stream(5, claim=3))
    assert len(loader) == 3
    with pytest.warns(UserWarning, match="reported to be 3") as caught:
        list(loader)
    assert len(caught) == 2


def test_batches_fetched_at_once():
    class Many(data.Dataset):
        def __len__(self):
            return 4

        def __getitem__(self, i):
            raise AssertionError("asked for one sample")

        def __getitems__(self, indices):
            return [10 * i for i in indices]

    assert lists(data.DataLoader(Many(), 2)) == [[0, 10], [20, 30]]


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"num_workers": -1}, "num_workers"),
        ({"timeout": -1}, "timeout"),
        ({"prefetch_factor": 2}, "prefetch_factor"),
        ({"persistent_workers": True}, "persistent_workers"),
        ({"sampler": [0], "shuffle": True}, "mutually exclusive with shuffle"),
        ({"batch_sampler": [[0]], "batch_size": 2}, "batch_sampler option"),
        ({"batch_sampler": [[0]], "drop_last": True}, "batch_sampler option"),
        ({"batch_size": None, "drop_last": True}, "batch_size=None"),
        ({"batch_size": 0}, "batch_size"),
        ({"multiprocessing_context": "spawn"}, "num_workers > 0"),
        ({"num_workers": 1, "multiprocessing_context": "nothing"}, "valid start method"),
    ],
)
def test_loader_arguments(options, match):
    with pytest.raises(ValueError, match=match):
        data.DataLoader(range(4), **options)


def test_loader_arguments_of_streams():
    for options in ({"shuffle": True}, {"sampler": [1]}, {"batch_sampler": [[1]]}):
        with pytest.raises(ValueError, match="IterableDataset"):
            data.DataLoader(Stream(3), **options)
    data.DataLoader(Stream(3), shuffle=False)


def test_loader_attributes_are_fixed():
    loader = data.DataLoader(range(4))
    for name in ("batch_size", "sampler", "dataset", "drop_last"):
        with pytest.raises(ValueError, match="should not be set"):
            setattr(loader, name, None)
    loader.collate_fn = list
    assert list(loader) == [[0], [1], [2], [3]]


def test_two_passes_at_once():
    loader = data.DataLoader(range(4), 2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert [(a.tolist(), b.tolist()) for a, b in zip(loader, loader)] == [([0, 1], [0, 1]), ([2, 3], [2, 3])]


def test_missing_names_say_what_to_use():
    with pytest.raises(AttributeError, match="no datapipes"):
        data.IterDataPipe  # noqa: B018
