"""Handles of registered hooks."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from typing import Any
from weakref import ref

__all__ = ["RemovableHandle", "unserializable_hook", "warn_if_has_hooks"]


class RemovableHandle:
    """What registering a hook returns: `remove()` takes the hook away again. Also a context manager.

    Args:
        hooks_dict: where the hook is kept, under `handle.id`.
        extra_dict: further dicts that have an entry under the same id.
    """

    id: int
    next_id: int = 0

    def __init__(self, hooks_dict: Any, *, extra_dict: Any = None) -> None:
        self.hooks_dict_ref = ref(hooks_dict)
        self.id = RemovableHandle.next_id
        RemovableHandle.next_id += 1
        if isinstance(extra_dict, list):
            self.extra_dict_ref = tuple(ref(d) for d in extra_dict)
        else:
            self.extra_dict_ref = () if extra_dict is None else (ref(extra_dict),)

    def remove(self) -> None:
        """Takes the hook away; harmless if it is gone already."""
        for where in (self.hooks_dict_ref, *self.extra_dict_ref):
            hooks = where()
            if hooks is not None and self.id in hooks:
                del hooks[self.id]

    def __getstate__(self) -> tuple:
        return (
            self.hooks_dict_ref(),
            self.id,
            *([tuple(d() for d in self.extra_dict_ref)] if self.extra_dict_ref else []),
        )

    def __setstate__(self, state: tuple) -> None:
        hooks = OrderedDict() if state[0] is None else state[0]
        self.hooks_dict_ref = ref(hooks)
        self.id = state[1]
        self.extra_dict_ref = tuple(ref(OrderedDict() if d is None else d) for d in state[2]) if len(state) > 2 else ()
        RemovableHandle.next_id = max(RemovableHandle.next_id, self.id + 1)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exc: object) -> None:
        self.remove()


def unserializable_hook(f: Any) -> Any:
    """Marks a tensor hook that `save` should warn about losing."""
    f.__torch_unserializable__ = True
    return f


def warn_if_has_hooks(tensor: Any) -> None:
    """Warns if `tensor` has backward hooks, which are not saved with it."""
    hooks = getattr(tensor, "_backward_hooks", None)
    for key, hook in (hooks or {}).items():
        if not hasattr(hook, "__torch_unserializable__"):
            warnings.warn(f"backward hook {hook!r} (number {key}) on tensor will not be serialized", stacklevel=2)
