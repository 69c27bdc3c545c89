"""Everything of neural networks as functions: ``F.relu(x)``, ``F.cross_entropy(logits, target)``.

What is one operation of the core is that operation itself, found when first asked for; what Python checks or puts
together
stands in the ``_functional_*`` files, one for each family.
"""

from __future__ import annotations

from typing import Any

import rushlight as torch

from ._functional_activation import *  # noqa: F403
from ._functional_activation import _get_softmax_dim as _get_softmax_dim
from ._functional_attention import (
    _canonical_mask as _canonical_mask,
)
from ._functional_attention import (
    _in_projection as _in_projection,
)
from ._functional_attention import (
    _in_projection_packed as _in_projection_packed,
)
from ._functional_attention import (
    _mha_shape_check as _mha_shape_check,
)
from ._functional_attention import (
    _none_or_dtype as _none_or_dtype,
)
from ._functional_attention import (
    multi_head_attention_forward as multi_head_attention_forward,
)
from ._functional_loss import *  # noqa: F403
from ._functional_norm import *  # noqa: F403
from ._functional_norm import _verify_batch_size as _verify_batch_size
from ._functional_norm import _verify_spatial_size as _verify_spatial_size
from ._functional_pool import *  # noqa: F403
from ._functional_vision import *  # noqa: F403

# Names that are operations of the core, under the same name in `torch`.
_TORCH = frozenset(
    "adaptive_avg_pool1d avg_pool1d bilinear celu_ channel_shuffle conv1d conv2d conv3d conv_tbc conv_transpose1d "
    "conv_transpose2d conv_transpose3d cosine_similarity hardshrink native_channel_shuffle pairwise_distance pdist "
    "pixel_shuffle pixel_unshuffle prelu relu_ rrelu_ selu_ threshold_".split()
)
# And under the same or another name in `torch._C._nn`.
_NN = {
    "avg_pool2d": "avg_pool2d",
    "avg_pool3d": "avg_pool3d",
    "elu_": "elu_",
    "gelu": "gelu",
    "hardtanh_": "hardtanh_",
    "leaky_relu_": "leaky_relu_",
    "linear": "linear",
    "logsigmoid": "log_sigmoid",
    "one_hot": "one_hot",
    "scaled_dot_product_attention": "scaled_dot_product_attention",
    "softplus": "softplus",
    "softshrink": "softshrink",
}
_ABSENT = frozenset(["grouped_mm", "scaled_grouped_mm", "scaled_mm", "scaled_addmm", "scaled_addmm_"])
_OVERRIDES = ("handle_torch_function", "has_torch_function", "has_torch_function_unary", "has_torch_function_variadic")


def __getattr__(name: str) -> Any:
    if name in _TORCH:
        found = getattr(torch, name)
    elif name in _NN:
        found = getattr(torch._C._nn, _NN[name])
    elif name in _OVERRIDES:
        import rushlight.overrides

        found = getattr(rushlight.overrides, name)
    elif name == "Tensor":
        found = torch.Tensor
    elif name == "_Reduction":
        from . import _reduction as found
    elif name in ("_pair", "_single", "_triple", "_list_with_default"):
        from .modules import utils

        found = getattr(utils, name)
    elif name in _ABSENT:

        def found(*args: Any, **kwargs: Any) -> Any:
            raise NotImplementedError(
                f"nn.functional.{name} is a product of low-precision or ragged matrices and is not supported; "
                f"convert to "
                "bfloat16 or float32 and use torch.matmul on each group"
            )
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_TORCH, *_NN})
