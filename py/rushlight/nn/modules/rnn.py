"""Recurrent layers and cells."""

from __future__ import annotations

import math
import warnings
import weakref
from typing import Any

import rushlight as torch

from .. import init
from ..parameter import Parameter
from ..utils.rnn import PackedSequence
from .module import Module

__all__ = ["GRU", "GRUCell", "LSTM", "LSTMCell", "RNN", "RNNBase", "RNNCell", "RNNCellBase"]

_GATES = {"LSTM": 4, "GRU": 3, "RNN_TANH": 1, "RNN_RELU": 1}


def _apply_permutation(tensor: torch.Tensor, permutation: torch.Tensor, dim: int = 1) -> torch.Tensor:
    return tensor.index_select(dim, permutation)


def apply_permutation(tensor: torch.Tensor, permutation: torch.Tensor, dim: int = 1) -> torch.Tensor:
    """Deprecated: ``tensor.index_select(dim, permutation)``."""
    warnings.warn(
        "`apply_permutation` is deprecated, please use `tensor.index_select(dim, permutation)` instead",
        FutureWarning,
        stacklevel=2,
    )
    return _apply_permutation(tensor, permutation, dim)


class RNNBase(Module):
    """What `RNN`, `LSTM` and `GRU` have in common: their parameters, checks, and batches of unequal lengths.

    The parameters of layer k are ``weight_ih_l{k}``, ``weight_hh_l{k}``, ``bias_ih_l{k}``, ``bias_hh_l{k}`` and, with
    projections, ``weight_hr_l{k}``; those of the other direction end in ``_reverse``. All are drawn from
    U(-sqrt(k), sqrt(k)) with k = 1 / hidden_size.
    """

    __constants__ = [
        "mode",
        "input_size",
        "hidden_size",
        "num_layers",
        "bias",
        "batch_first",
        "dropout",
        "bidirectional",
        "proj_size",
    ]
    __jit_unused_properties__ = ["all_weights"]
    mode: str
    input_size: int
    hidden_size: int
    num_layers: int
    bias: bool
    batch_first: bool
    dropout: float
    bidirectional: bool
    proj_size: int

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.mode = mode
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout) if not isinstance(dropout, (str, bytes)) else dropout
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        self._flat_weight_refs: list[Any] = []
        self._check_arguments(dropout)

        gates = _GATES[mode] * hidden_size
        directions = 2 if bidirectional else 1
        state = proj_size or hidden_size
        self._flat_weights_names: list[str] = []
        self._all_weights: list[list[str]] = []
        for layer in range(num_layers):
            inputs = input_size if layer == 0 else state * directions
            for suffix in ("", "_reverse")[:directions]:
                shapes: dict[str, tuple[int, ...]] = {"weight_ih": (gates, inputs), "weight_hh": (gates, state)}
                if bias:
                    shapes["bias_ih"] = shapes["bias_hh"] = (gates,)
                if proj_size > 0:
                    shapes["weight_hr"] = (proj_size, hidden_size)
                names = []
                for name, shape in shapes.items():
                    names.append(f"{name}_l{layer}{suffix}")
                    setattr(self, names[-1], Parameter(torch.empty(shape, device=device, dtype=dtype)))
                self._flat_weights_names.extend(names)
                self._all_weights.append(names)
        self._init_flat_weights()
        self.reset_parameters()

    def _check_arguments(self, dropout: Any) -> None:
        if isinstance(dropout, bool) or not isinstance(dropout, (int, float)) or not 0 <= dropout <= 1:
            raise ValueError(
                "dropout should be a number in range [0, 1] representing the probability of an element being zeroed, "
                f"got {dropout!r}"
            )
        if dropout > 0 and self.num_layers == 1:
            warnings.warn(
                "dropout option adds dropout after all but last recurrent layer, so non-zero dropout expects "
                "num_layers greater "
                f"than 1, but got dropout={dropout} and num_layers={self.num_layers}",
                stacklevel=4,
            )
        for name, kind in (("bias", bool), ("batch_first", bool), ("input_size", int), ("hidden_size", int)):
            value = getattr(self, name)
            if not isinstance(value, kind):
                raise TypeError(f"{name} should be of type {kind.__name__}, got: {type(value).__name__}")
        for name in ("input_size", "hidden_size", "num_layers"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be greater than zero, got {getattr(self, name)}")
        if self.proj_size < 0:
            raise ValueError("proj_size should be a positive integer or zero to disable projections")
        if self.proj_size >= self.hidden_size:
            raise ValueError(
                f"proj_size has to be smaller than hidden_size, got {self.proj_size} and {self.hidden_size}"
            )
        if self.mode not in _GATES:
            raise ValueError("Unrecognized RNN mode: " + self.mode)

    def _init_flat_weights(self) -> None:
        self._flat_weights = [getattr(self, name, None) for name in self._flat_weights_names]
        self._flat_weight_refs = [weakref.ref(w) if w is not None else None for w in self._flat_weights]
        self.flatten_parameters()

    def _update_flat_weights(self) -> None:
        """Takes up weights that were replaced: by a parametrisation, a functional call, or an assignment."""
        attributes = self.__dict__
        flat = attributes["_flat_weights"]
        for n, name in enumerate(self._flat_weights_names):
            if attributes.get(name) is not flat[n]:
                self._flat_weights = [getattr(self, name, None) for name in self._flat_weights_names]
                return

    def __setattr__(self, attr: str, value: Any) -> None:
        names = self.__dict__.get("_flat_weights_names")
        if names and attr in names and "_flat_weights" in self.__dict__:
            self._flat_weights[names.index(attr)] = value
        super().__setattr__(attr, value)

    def flatten_parameters(self) -> None:
        """Does nothing: the core needs no single block of memory for the weights."""

    def _apply(self, fn: Any, recurse: bool = True) -> Any:
        self._flat_weight_refs = []
        result = super()._apply(fn, recurse)
        self._init_flat_weights()
        return result

    def reset_parameters(self) -> None:
        """Draws new values for all parameters."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    # ---- checks

    def check_input(self, input: torch.Tensor, batch_sizes: torch.Tensor | None) -> None:
        if not input.dtype == self._flat_weights[0].dtype and not torch.is_autocast_enabled(input.device.type):
            raise ValueError(
                f"RNN input dtype ({input.dtype}) does not match weight dtype ({self._flat_weights[0].dtype})"
            )
        expected = 2 if batch_sizes is not None else 3
        if input.dim() != expected:
            raise RuntimeError(f"input must have {expected} dimensions, got {input.dim()}")
        if self.input_size != input.size(-1):
            raise RuntimeError(
                f"input.size(-1) must be equal to input_size. Expected {self.input_size}, got {input.size(-1)}"
            )

    def get_expected_hidden_size(self, input: torch.Tensor, batch_sizes: torch.Tensor | None) -> tuple[int, int, int]:
        if batch_sizes is not None:
            batch = int(batch_sizes[0])
        else:
            batch = input.size(0) if self.batch_first else input.size(1)
        directions = 2 if self.bidirectional else 1
        return self.num_layers * directions, batch, self.proj_size or self.hidden_size

    def check_hidden_size(
        self, hx: torch.Tensor, expected_hidden_size: tuple[int, int, int], msg: str = "Expected hidden size {}, got {}"
    ) -> None:
        if tuple(hx.size()) != tuple(expected_hidden_size):
            raise RuntimeError(msg.format(tuple(expected_hidden_size), list(hx.size())))

    def check_forward_args(self, input: torch.Tensor, hidden: Any, batch_sizes: torch.Tensor | None) -> None:
        self.check_input(input, batch_sizes)
        self.check_hidden_size(hidden, self.get_expected_hidden_size(input, batch_sizes))

    def permute_hidden(self, hx: Any, permutation: torch.Tensor | None) -> Any:
        return hx if permutation is None else _apply_permutation(hx, permutation)

    # ---- running

    def _unpack(self, input: Any) -> tuple:
        """The input as (tensor, batch sizes, order, order back, whether it has a batch dimension)."""
        if isinstance(input, PackedSequence):
            data, batch_sizes, sorted_indices, unsorted_indices = input
            return data, batch_sizes, sorted_indices, unsorted_indices, True
        if input.dim() not in (2, 3):
            raise ValueError(f"{self._get_name()}: Expected input to be 2D or 3D, got {input.dim()}D instead")
        batched = input.dim() == 3
        if not batched:
            input = input.unsqueeze(0 if self.batch_first else 1)
        return input, None, None, None, batched

    def _zeros(self, input: torch.Tensor, batch_sizes: torch.Tensor | None, size: int) -> torch.Tensor:
        layers, batch, _ = self.get_expected_hidden_size(input, batch_sizes)
        return torch.zeros(layers, batch, size, dtype=input.dtype, device=input.device)

    def _check_batching(self, what: str, batched: bool, *states: torch.Tensor) -> None:
        n = 3 if batched else 2
        if any(state.dim() != n for state in states):
            got = ", ".join(f"{state.dim()}-D" for state in states)
            got = f"({got}) tensors" if len(states) > 1 else f"{got} tensor"
            kind = "batched" if batched else "unbatched"
            raise RuntimeError(f"For {kind} {n}-D input, {what} should also be {n}-D but got {got}")

    def _options(self, packed: bool) -> tuple:
        options = (self.bias, self.num_layers, self.dropout, self.training, self.bidirectional)
        return options if packed else (*options, self.batch_first)

    def _run(self, function: Any, input: torch.Tensor, batch_sizes: Any, hx: Any) -> Any:
        if batch_sizes is None:
            return function(input, hx, self._flat_weights, *self._options(False))
        return function(input, batch_sizes, hx, self._flat_weights, *self._options(True))

    def extra_repr(self) -> str:
        shown = f"{self.input_size}, {self.hidden_size}"
        if self.proj_size != 0:
            shown += f", proj_size={self.proj_size}"
        if self.num_layers != 1:
            shown += f", num_layers={self.num_layers}"
        if self.bias is not True:
            shown += f", bias={self.bias}"
        if self.batch_first is not False:
            shown += f", batch_first={self.batch_first}"
        if self.dropout != 0:
            shown += f", dropout={self.dropout}"
        if self.bidirectional is not False:
            shown += f", bidirectional={self.bidirectional}"
        return shown

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        for name in ("_flat_weights", "_flat_weight_refs"):
            state.pop(name, None)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        attributes = self.__dict__
        attributes.setdefault("proj_size", 0)
        if "all_weights" in state:
            attributes["_all_weights"] = state["all_weights"]
        if isinstance(self._all_weights[0], list) and "_flat_weights_names" not in attributes:
            self._flat_weights_names = [name for names in self._all_weights for name in names]
        self._init_flat_weights()

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The parameters, a list for each layer and direction."""
        return [[getattr(self, name) for name in names] for names in self._all_weights]

    def _replicate_for_data_parallel(self) -> Any:
        replica = super()._replicate_for_data_parallel()
        replica.__dict__["_flat_weights"] = self._flat_weights[:]
        return replica


class _SimpleRNN(RNNBase):
    """The layers whose state is one tensor: `RNN` and `GRU`."""

    def _function(self) -> Any:
        raise NotImplementedError

    def forward(self, input: Any, hx: torch.Tensor | None = None) -> Any:
        self._update_flat_weights()
        packed = isinstance(input, PackedSequence)
        data, batch_sizes, order, back, batched = self._unpack(input)
        if hx is None:
            hx = self._zeros(data, batch_sizes, self.hidden_size)
        else:
            if not packed:
                self._check_batching("hx", batched, hx)
                if not batched:
                    hx = hx.unsqueeze(1)
            hx = self.permute_hidden(hx, order)
        self.check_forward_args(data, hx, batch_sizes)
        output, hidden = self._run(self._function(), data, batch_sizes, hx)
        hidden = self.permute_hidden(hidden, back)
        if packed:
            return PackedSequence(output, batch_sizes, order, back), hidden
        if not batched:
            return output.squeeze(0 if self.batch_first else 1), hidden.squeeze(1)
        return output, hidden


class RNN(_SimpleRNN):
    r"""Elman's recurrent network: :math:`h_t = \tanh(x_t W_{ih}^T + b_{ih} + h_{t-1} W_{hh}^T + b_{hh})`.

    Args:
        input_size: the size of each element of the sequence.
        hidden_size: the size of the state.
        num_layers: layers on top of each other. Default: 1
        nonlinearity: ``'tanh'`` or ``'relu'``. Default: ``'tanh'``
        bias: whether there are biases. Default: ``True``
        batch_first: the input is (N, L, input_size). Default: ``False``
        dropout: dropout between layers. Default: 0
        bidirectional: another network runs backwards. Default: ``False``

    Shape: input (L, N, input_size), (L, input_size) or a `PackedSequence`; state (directions * num_layers, N,
        hidden_size).
    Returns the states of the last layer, (L, N, directions * hidden_size), and the last states of all.

    Example::

        >>> out, h = torch.nn.RNN(10, 20, 2)(torch.randn(5, 3, 10), torch.randn(2, 3, 20))
        >>> out.shape, h.shape
        (torch.Size([5, 3, 20]), torch.Size([2, 3, 20]))
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if "proj_size" in kwargs:
            raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")
        if len(args) > 3:
            nonlinearity = args[3]
            args = args[:3] + args[4:]
        else:
            nonlinearity = kwargs.pop("nonlinearity", "tanh")
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'.")
        super().__init__("RNN_TANH" if nonlinearity == "tanh" else "RNN_RELU", *args, **kwargs)
        self.nonlinearity = nonlinearity

    def _function(self) -> Any:
        return torch.rnn_tanh if self.mode == "RNN_TANH" else torch.rnn_relu


class GRU(_SimpleRNN):
    r"""Gated recurrent units.

    .. math::
        r = \sigma(x W_{ir}^T + b_{ir} + h W_{hr}^T + b_{hr}), \quad z = \sigma(x W_{iz}^T + b_{iz} + h W_{hz}^T +
        b_{hz})

        n = \tanh(x W_{in}^T + b_{in} + r (h W_{hn}^T + b_{hn})), \quad h' = (1 - z) n + z h

    Args: as for `RNN`, without ``nonlinearity``. Weights are stacked in the order r, z, n.

    Example::

        >>> out, h = torch.nn.GRU(10, 20, batch_first=True)(torch.randn(3, 5, 10))
        >>> out.shape, h.shape
        (torch.Size([3, 5, 20]), torch.Size([1, 3, 20]))
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if "proj_size" in kwargs:
            raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")
        super().__init__("GRU", *args, **kwargs)

    def _function(self) -> Any:
        return torch.gru


class LSTM(RNNBase):
    r"""Long short-term memory.

    .. math::
        i, f, o = \sigma(x W_{i\cdot}^T + b_{i\cdot} + h W_{h\cdot}^T + b_{h\cdot}), \quad
        g = \tanh(x W_{ig}^T + b_{ig} + h W_{hg}^T + b_{hg})

        c' = f c + i g, \quad h' = o \tanh(c')

    Args:
        proj_size: the state h is projected to this size. Default: 0, no projection. The other arguments are those of
            `RNN`,
            without ``nonlinearity``. Weights are stacked in the order i, f, g, o.

    Shape: as for `RNN`; the state is a pair (h, c).

    Example::

        >>> out, (h, c) = torch.nn.LSTM(10, 20, 2)(torch.randn(5, 3, 10))
        >>> out.shape, c.shape
        (torch.Size([5, 3, 20]), torch.Size([2, 3, 20]))
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__("LSTM", *args, **kwargs)

    def get_expected_cell_size(self, input: torch.Tensor, batch_sizes: torch.Tensor | None) -> tuple[int, int, int]:
        layers, batch, _ = self.get_expected_hidden_size(input, batch_sizes)
        return layers, batch, self.hidden_size

    def check_forward_args(self, input: torch.Tensor, hidden: Any, batch_sizes: torch.Tensor | None) -> None:
        self.check_input(input, batch_sizes)
        expected = self.get_expected_hidden_size(input, batch_sizes)
        self.check_hidden_size(hidden[0], expected, "Expected hidden[0] size {}, got {}")
        expected = self.get_expected_cell_size(input, batch_sizes)
        self.check_hidden_size(hidden[1], expected, "Expected hidden[1] size {}, got {}")

    def permute_hidden(self, hx: Any, permutation: torch.Tensor | None) -> Any:
        if permutation is None:
            return hx
        return _apply_permutation(hx[0], permutation), _apply_permutation(hx[1], permutation)

    def forward(self, input: Any, hx: tuple[torch.Tensor, torch.Tensor] | None = None) -> Any:
        self._update_flat_weights()
        packed = isinstance(input, PackedSequence)
        data, batch_sizes, order, back, batched = self._unpack(input)
        if hx is None:
            hx = (
                self._zeros(data, batch_sizes, self.proj_size or self.hidden_size),
                self._zeros(data, batch_sizes, self.hidden_size),
            )
        else:
            if not packed:
                self._check_batching("hx and cx", batched, hx[0], hx[1])
                if not batched:
                    hx = (hx[0].unsqueeze(1), hx[1].unsqueeze(1))
            hx = self.permute_hidden(hx, order)
        self.check_forward_args(data, hx, batch_sizes)
        output, h, c = self._run(torch.lstm, data, batch_sizes, hx)
        h, c = self.permute_hidden((h, c), back)
        if packed:
            return PackedSequence(output, batch_sizes, order, back), (h, c)
        if not batched:
            return output.squeeze(0 if self.batch_first else 1), (h.squeeze(1), c.squeeze(1))
        return output, (h, c)


class RNNCellBase(Module):
    """What the cells have in common: two weights and two biases."""

    __constants__ = ["input_size", "hidden_size", "bias"]
    input_size: int
    hidden_size: int
    bias: bool

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool, num_chunks: int, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        gates = num_chunks * hidden_size
        self.weight_ih = Parameter(torch.empty((gates, input_size), device=device, dtype=dtype))
        self.weight_hh = Parameter(torch.empty((gates, hidden_size), device=device, dtype=dtype))
        if bias:
            self.bias_ih = Parameter(torch.empty(gates, device=device, dtype=dtype))
            self.bias_hh = Parameter(torch.empty(gates, device=device, dtype=dtype))
        else:
            self.register_parameter("bias_ih", None)
            self.register_parameter("bias_hh", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new values for all parameters."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def _check(self, input: torch.Tensor, *states: Any) -> bool:
        """Whether the input has a batch dimension."""
        name = type(self).__name__
        if input.dim() not in (1, 2):
            raise ValueError(f"{name}: Expected input to be 1D or 2D, got {input.dim()}D instead")
        for n, state in enumerate(states):
            if state is not None and state.dim() not in (1, 2):
                where = f"hx[{n}]" if len(states) > 1 else "hidden"
                raise ValueError(f"{name}: Expected {where} to be 1D or 2D, got {state.dim()}D instead")
        return input.dim() == 2

    def _parameters_of_cell(self) -> tuple:
        return self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh

    def extra_repr(self) -> str:
        shown = f"{self.input_size}, {self.hidden_size}"
        if self.bias is not True:
            shown += f", bias={self.bias}"
        nonlinearity = self.__dict__.get("nonlinearity", "tanh")
        if nonlinearity != "tanh":
            shown += f", nonlinearity={nonlinearity}"
        return shown


class RNNCell(RNNCellBase):
    r"""One step of an `RNN`: :math:`h' = \tanh(x W_{ih}^T + b_{ih} + h W_{hh}^T + b_{hh})`.

    Args:
        input_size, hidden_size: the sizes of input and state.
        bias: whether there are biases. Default: ``True``
        nonlinearity: ``'tanh'`` or ``'relu'``. Default: ``'tanh'``

    Shape: input (N, input_size) or (input_size), state (N, hidden_size) or (hidden_size), zeros if not given.

    Example::

        >>> torch.nn.RNNCell(10, 20)(torch.randn(3, 10)).shape
        torch.Size([3, 20])
    """

    nonlinearity: str

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: torch.Tensor, hx: torch.Tensor | None = None) -> torch.Tensor:
        batched = self._check(input, hx)
        if not batched:
            input = input.unsqueeze(0)
        if hx is None:
            hx = torch.zeros(input.size(0), self.hidden_size, dtype=input.dtype, device=input.device)
        elif not batched:
            hx = hx.unsqueeze(0)
        if self.nonlinearity == "tanh":
            result = torch.rnn_tanh_cell(input, hx, *self._parameters_of_cell())
        elif self.nonlinearity == "relu":
            result = torch.rnn_relu_cell(input, hx, *self._parameters_of_cell())
        else:
            raise RuntimeError(f"Unknown nonlinearity: {self.nonlinearity}")
        return result if batched else result.squeeze(0)


class LSTMCell(RNNCellBase):
    """One step of an `LSTM`.

    Args:
        input_size, hidden_size: the sizes of input and state.
        bias: whether there are biases. Default: ``True``

    Shape: input (N, input_size) or (input_size); the state is a pair (h, c) of (N, hidden_size) or (hidden_size),
        zeros if not
    given. Returns the new pair.

    Example::

        >>> h, c = torch.nn.LSTMCell(10, 20)(torch.randn(3, 10))
        >>> h.shape, c.shape
        (torch.Size([3, 20]), torch.Size([3, 20]))
    """

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(
        self, input: torch.Tensor, hx: tuple[torch.Tensor, torch.Tensor] | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        batched = self._check(input, *(hx if hx is not None else ()))
        if not batched:
            input = input.unsqueeze(0)
        if hx is None:
            zeros = torch.zeros(input.size(0), self.hidden_size, dtype=input.dtype, device=input.device)
            hx = (zeros, zeros)
        elif not batched:
            hx = (hx[0].unsqueeze(0), hx[1].unsqueeze(0))
        h, c = torch.lstm_cell(input, hx, *self._parameters_of_cell())
        return (h, c) if batched else (h.squeeze(0), c.squeeze(0))


class GRUCell(RNNCellBase):
    """One step of a `GRU`.

    Args:
        input_size, hidden_size: the sizes of input and state.
        bias: whether there are biases. Default: ``True``

    Shape: input (N, input_size) or (input_size), state (N, hidden_size) or (hidden_size), zeros if not given.

    Example::

        >>> torch.nn.GRUCell(10, 20)(torch.randn(3, 10)).shape
        torch.Size([3, 20])
    """

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input: torch.Tensor, hx: torch.Tensor | None = None) -> torch.Tensor:
        batched = self._check(input, hx)
        if not batched:
            input = input.unsqueeze(0)
        if hx is None:
            hx = torch.zeros(input.size(0), self.hidden_size, dtype=input.dtype, device=input.device)
        elif not batched:
            hx = hx.unsqueeze(0)
        result = torch.gru_cell(input, hx, *self._parameters_of_cell())
        return result if batched else result.squeeze(0)
