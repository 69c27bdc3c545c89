"""Which transform leads from unconstrained numbers to those that a constraint allows.

`biject_to(constraint)` gives a bijective one, `transform_to(constraint)` one that is good for optimisation.

    >>> transform_to(constraints.positive)(torch.tensor(0.0))
    tensor(1.)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import constraints, transforms

__all__ = ["ConstraintRegistry", "biject_to", "transform_to"]


class ConstraintRegistry:
    """A table from kinds of constraints to functions that make their transform."""

    def __init__(self) -> None:
        self._registry: dict[type, Callable] = {}
        super().__init__()

    def register(self, constraint: Any, factory: Callable | None = None) -> Any:
        """Sets the function that makes the transform for a kind of constraint. Also a decorator."""
        if factory is None:
            return lambda given: self.register(constraint, given)
        if isinstance(constraint, constraints.Constraint):
            constraint = type(constraint)
        if not isinstance(constraint, type) or not issubclass(constraint, constraints.Constraint):
            raise TypeError(f"Expected constraint to be either a Constraint subclass or instance, but got {constraint}")
        self._registry[constraint] = factory
        return factory

    def __call__(self, constraint: constraints.Constraint) -> transforms.Transform:
        """The transform for a constraint. Raises NotImplementedError where none is known."""
        factory = self._registry.get(type(constraint))
        if factory is None:
            raise NotImplementedError(f"Cannot transform {type(constraint).__name__} constraints")
        return factory(constraint)


biject_to = ConstraintRegistry()
transform_to = ConstraintRegistry()
_both = (biject_to, transform_to)


def _register(kinds: list[Any], make: Callable, registries: tuple = _both) -> None:
    for registry in registries:
        for kind in kinds:
            registry.register(kind, make)


def _scaled(low: Any, high: Any) -> transforms.Transform:
    """From all numbers into an interval."""
    if isinstance(low, (int, float)) and isinstance(high, (int, float)) and low == 0 and high == 1:
        return transforms.SigmoidTransform()
    return transforms.ComposeTransform([transforms.SigmoidTransform(), transforms.AffineTransform(low, high - low)])


def _above(c: Any) -> transforms.Transform:
    return transforms.ComposeTransform([transforms.ExpTransform(), transforms.AffineTransform(c.lower_bound, 1)])


_register([constraints.real], lambda c: transforms.identity_transform)
_register([constraints.positive, constraints.nonnegative], lambda c: transforms.ExpTransform())
_register([constraints.greater_than, constraints.greater_than_eq], _above)
_register(
    [constraints.less_than],
    lambda c: transforms.ComposeTransform([transforms.ExpTransform(), transforms.AffineTransform(c.upper_bound, -1)]),
)
_register([constraints.interval, constraints.half_open_interval], lambda c: _scaled(c.lower_bound, c.upper_bound))
_register([constraints.simplex], lambda c: transforms.StickBreakingTransform(), (biject_to,))
_register([constraints.simplex], lambda c: transforms.SoftmaxTransform(), (transform_to,))
_register([constraints.lower_cholesky], lambda c: transforms.LowerCholeskyTransform(), (transform_to,))
_register(
    [constraints.positive_definite, constraints.positive_semidefinite],
    lambda c: transforms.PositiveDefiniteTransform(),
    (transform_to,),
)
_register([constraints.corr_cholesky], lambda c: transforms.CorrCholeskyTransform())
for _registry in _both:
    _registry.register(
        constraints.independent,
        lambda c, registry=_registry: transforms.IndependentTransform(
            registry(c.base_constraint), c.reinterpreted_batch_ndims
        ),
    )
    _registry.register(
        constraints.cat,
        lambda c, registry=_registry: transforms.CatTransform([registry(x) for x in c.cseq], c.dim, c.lengths),
    )
    _registry.register(
        constraints.stack, lambda c, registry=_registry: transforms.StackTransform([registry(x) for x in c.cseq], c.dim)
    )
