"""`SummaryWriter`: writes event files for TensorBoard. Writing needs no package; `pip install tensorboard` shows them."""

from __future__ import annotations

from .writer import FileWriter, SummaryWriter

__all__ = ["FileWriter", "SummaryWriter"]
