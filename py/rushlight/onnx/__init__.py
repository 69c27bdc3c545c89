"""`torch.onnx`: exporting models to ONNX files is not in Rushlight yet; the names are here so that programs import."""

from __future__ import annotations

from typing import Any

__all__ = ["OnnxExporterError", "dynamo_export", "export", "is_in_onnx_export"]


class OnnxExporterError(RuntimeError):
    """A model that could not be exported."""


def export(model: Any, args: Any = (), f: Any = None, **kwargs: Any) -> Any:
    """Would write a model as an ONNX file. Raises NotImplementedError."""
    raise NotImplementedError(
        "torch.onnx.export is not in Rushlight yet: save the weights with torch.save(model.state_dict(), path)"
    )


def dynamo_export(model: Any, *args: Any, **kwargs: Any) -> Any:
    """Would export a model. Raises NotImplementedError."""
    raise NotImplementedError(
        "torch.onnx.dynamo_export is not in Rushlight yet: save the weights with torch.save(model.state_dict(), path)"
    )


def is_in_onnx_export() -> bool:
    """False: nothing is being exported."""
    return False
