"""Optimisers: `torch.optim`'s classes. SGD, Adam and AdamW step in the core, the others in plain tensor arithmetic."""

from __future__ import annotations

from . import lr_scheduler
from .adafactor import Adafactor
from .adam import Adam, AdamW
from .lbfgs import LBFGS
from .muon import Muon
from .optimizer import Optimizer
from .per_parameter import ASGD, Adadelta, Adagrad, Adamax, NAdam, RAdam, RMSprop, Rprop
from .sgd import SGD
from .sparse_adam import SparseAdam


def __getattr__(name: str):
    if name == "swa_utils":  # needs nn, so it waits until it is used
        import importlib

        return importlib.import_module(f"{__name__}.swa_utils")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "ASGD",
    "LBFGS",
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Muon",
    "NAdam",
    "Optimizer",
    "RAdam",
    "RMSprop",
    "Rprop",
    "SparseAdam",
    "lr_scheduler",
    "swa_utils",
]
