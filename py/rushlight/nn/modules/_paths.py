"""Errors raised inside a module say where: `encoder.layers.0.fc1 (Linear): expected …`.

A module does not know its own name. So the module whose forward failed leaves a note on the exception, and each module
that the exception then passes through finds the last one among its children and puts that name in front.
"""

from __future__ import annotations

from typing import Any

_NOTE = "_module_path"  # on the exception: [the message as it was, as it is now, path, class name, module last passed]


def _may_rewrite(error: BaseException) -> bool:
    """Whether the message is all there is to the exception: one string, shown as it is."""
    args = error.args
    if len(args) != 1 or type(args[0]) is not str or isinstance(error, StopIteration):
        return False
    kind = type(error)
    if kind.__str__ is not BaseException.__str__:
        return False
    for base in kind.__mro__:
        if base.__module__ == "builtins":
            return True
        if "__init__" in base.__dict__ or "__new__" in base.__dict__ or "args" in base.__dict__:
            return False
    return False


def locate(module: Any, error: BaseException) -> None:
    """Notes that `error` passes through `module`. Never raises."""
    try:
        note = error.__dict__.get(_NOTE)
        if note is None:
            if _may_rewrite(error):
                message = error.args[0]
                error.__dict__[_NOTE] = [message, message, "", type(module).__name__, module]
            return
        original, current, path, kind, last = note
        if last is module or len(error.args) != 1 or error.args[0] != current:
            return
        name = _name_of(module, last)
        if name:
            path = f"{name}.{path}" if path else name
            current = f"{path} ({kind}): {original}"
            error.args = (current,)
        elif not path:
            kind = type(module).__name__  # a module that nobody registered: its caller stands for it
        note[1:] = [current, path, kind, module]
    except Exception:
        pass


def _name_of(parent: Any, child: Any) -> str:
    for name, module in parent._modules.items():
        if module is child:
            return name
    for name, module in parent.named_modules():  # held in a ModuleList or the like, which is never called itself
        if module is child:
            return name
    return ""
