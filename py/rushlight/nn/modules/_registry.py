"""The dictionaries behind `module._parameters`, `_buffers` and `_modules`.

Reading `module.weight` must be as fast as reading any attribute. So what these dictionaries hold also stands in the
module's `__dict__`, where Python finds it at once; `Registry` keeps the two in step whoever writes to it.
"""

from __future__ import annotations

import weakref
from typing import Any

_MISSING: Any = object()


class Registry(dict):
    """A dict whose items are also attributes of the module that owns it."""

    __slots__ = ("_owner",)

    def __init__(self, owner: Any, items: Any = ()) -> None:
        dict.__init__(self, items)
        self._owner = weakref.ref(owner)
        if items:
            owner.__dict__.update(self)

    def _attributes(self) -> dict[str, Any]:
        owner = self._owner()
        return {} if owner is None else owner.__dict__

    def __setitem__(self, name: str, value: Any) -> None:
        dict.__setitem__(self, name, value)
        self._attributes()[name] = value

    def __delitem__(self, name: str) -> None:
        dict.__delitem__(self, name)
        self._attributes().pop(name, None)

    def pop(self, name: str, default: Any = _MISSING) -> Any:
        if name in self:
            self._attributes().pop(name, None)
        return dict.pop(self, name) if default is _MISSING else dict.pop(self, name, default)

    def popitem(self) -> tuple[str, Any]:
        name, value = dict.popitem(self)
        self._attributes().pop(name, None)
        return name, value

    def clear(self) -> None:
        attributes = self._attributes()
        for name in self:
            attributes.pop(name, None)
        dict.clear(self)

    def update(self, *args: Any, **kwargs: Any) -> None:
        new = dict(*args, **kwargs)
        dict.update(self, new)
        self._attributes().update(new)

    def __ior__(self, other: Any) -> Registry:  # type: ignore[override,misc]
        self.update(other)
        return self

    def setdefault(self, name: str, default: Any = None) -> Any:
        if name not in self:
            self[name] = default
        return dict.__getitem__(self, name)

    def copy(self) -> dict[str, Any]:
        return dict(self)

    def move_to_end(self, name: str, last: bool = True) -> None:
        """As OrderedDict has it, for code written when this was one."""
        items = [(k, v) for k, v in self.items() if k != name]
        items.insert(len(items) if last else 0, (name, self[name]))
        dict.clear(self)
        dict.update(self, items)

    def __reduce_ex__(self, protocol: Any) -> Any:
        # A copy belongs to nobody yet: Module.__setstate__ makes it a registry of the new module.
        return dict, (), None, None, iter(list(self.items()))
