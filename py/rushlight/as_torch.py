"""Makes `import torch` mean Rushlight, for programs that were not written for it.

    python -m rushlight.as_torch train.py --epochs 3
    python -m rushlight.as_torch -m package.train
    python -m rushlight.as_torch -c "import torch; print(torch.ones(2))"

or, in a program, before its first `import torch`:

    import rushlight.as_torch
    rushlight.as_torch.install()
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import os
import sys
from types import ModuleType
from typing import Any

import rushlight

__all__ = ["install", "main", "uninstall"]

_REFERENCE = "2.13.0"  # the PyTorch whose behaviour is followed; what programs compare versions with


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds `torch.x` as the module `rushlight.x`, the same object."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name != "torch" and not name.startswith("torch."):
            return None
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec: Any) -> ModuleType:
        ours = "rushlight" + spec.name[len("torch") :]
        try:
            module = importlib.import_module(ours)
        except ModuleNotFoundError as error:
            if error.name is not None and (ours == error.name or ours.startswith(error.name + ".")):
                missing = "torch" + error.name[len("rushlight") :]
                raise ModuleNotFoundError(
                    f"No module named {missing!r}: it is not in Rushlight yet", name=missing
                ) from None
            raise
        # the import system is about to write torch's name and spec into our module: remember what belongs there
        self._own[spec.name] = {key: module.__dict__[key] for key in _OWN if key in module.__dict__}
        return module

    def exec_module(self, module: ModuleType) -> None:
        spec = module.__spec__
        name = getattr(spec, "name", module.__name__)
        kept = self._own.pop(name, None)
        if kept is None:
            return
        for key in _OWN:
            module.__dict__.pop(key, None)
        module.__dict__.update(kept)

    def __init__(self) -> None:
        self._own: dict[str, dict[str, Any]] = {}


_OWN = ("__name__", "__spec__", "__loader__", "__package__", "__path__", "__file__", "__cached__")
_finder = _Finder()


class _Version(str):
    """A version as text that also compares with tuples, as `torch.__version__` does."""

    def _compare(self, other: Any) -> tuple[Any, Any] | None:
        numbers = tuple(int(part) for part in self.partition("+")[0].split("."))
        if isinstance(other, str):
            theirs = tuple(
                int("".join(c for c in part if c.isdigit()) or 0) for part in other.partition("+")[0].split(".")[:3]
            )
        elif isinstance(other, (tuple, list)):
            theirs = tuple(int(part) for part in other[:3])
        else:
            return None
        return numbers[: len(theirs)], theirs

    def __lt__(self, other: Any) -> bool:
        pair = self._compare(other)
        return NotImplemented if pair is None else pair[0] < pair[1]

    def __le__(self, other: Any) -> bool:
        pair = self._compare(other)
        return NotImplemented if pair is None else pair[0] <= pair[1]

    def __gt__(self, other: Any) -> bool:
        pair = self._compare(other)
        return NotImplemented if pair is None else pair[0] > pair[1]

    def __ge__(self, other: Any) -> bool:
        pair = self._compare(other)
        return NotImplemented if pair is None else pair[0] >= pair[1]


def install() -> None:
    """From now on `import torch` gives Rushlight. Harmless if called twice.

    Raises:
        RuntimeError: if PyTorch itself has been imported already.
    """
    present = sys.modules.get("torch")
    if present is not None and present is not rushlight:
        raise RuntimeError(
            "rushlight.as_torch: PyTorch is already imported; install() must come before the first `import torch`"
        )
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)
        if "multiprocessing.spawn" in sys.modules:
            _tell_children()
        else:
            sys.meta_path.insert(0, _TellChildren())
    sys.modules["torch"] = rushlight
    # the version that programs ask for is PyTorch's; Rushlight's own stays in rushlight.version
    if "+rushlight" not in rushlight.__version__:
        rushlight.__version__ = _Version(f"{_REFERENCE}+rushlight{rushlight.__version__}")


class _Installed:
    """Unpickled in a child process, it installs there too, before the child imports the program."""

    def __reduce__(self) -> tuple:
        return importlib.import_module("rushlight.as_torch").install, ()


def _tell_children() -> None:
    """Has processes that multiprocessing starts afresh (spawn, forkserver) mean Rushlight by torch as well."""
    from multiprocessing import spawn

    plain = spawn.get_preparation_data
    if getattr(plain, "_rushlight", False):
        return

    def get_preparation_data(name: str) -> dict[str, Any]:
        data = plain(name)
        if _finder in sys.meta_path:
            data["rushlight.as_torch"] = _Installed()
        return data

    get_preparation_data._rushlight = True  # type: ignore[attr-defined]
    spawn.get_preparation_data = get_preparation_data


class _TellChildren(importlib.abc.MetaPathFinder):
    """Waits for multiprocessing, which most programs never import."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name == "multiprocessing.spawn":
            sys.meta_path.remove(self)
            spec = importlib.util.find_spec(name)
            loader = spec.loader if spec is not None else None
            if loader is not None:
                run = loader.exec_module

                def exec_module(module: ModuleType) -> None:
                    run(module)
                    _tell_children()

                loader.exec_module = exec_module  # type: ignore[method-assign]
            return spec
        return None


def uninstall() -> None:
    """Takes `install` back."""
    if _finder in sys.meta_path:
        sys.meta_path.remove(_finder)
    for name in [name for name in sys.modules if name == "torch" or name.startswith("torch.")]:
        if sys.modules[name] is sys.modules.get("rushlight" + name[len("torch") :]):
            del sys.modules[name]
    from .version import __version__

    rushlight.__version__ = __version__


_USAGE = "usage: python -m rushlight.as_torch (script.py | -m module | -c code) [arguments ...]"


def main(argv: list[str] | None = None) -> None:
    """Runs a script, a module or code as `python` would, with Rushlight under the name of torch."""
    argv = sys.argv[1:] if argv is None else argv
    if not argv or argv[0] in ("-h", "--help"):
        print(_USAGE, file=sys.stdout if argv else sys.stderr)
        sys.exit(0 if argv else 2)
    # run with `-m`, this file is the module __main__: install the finder of the module that programs will see
    importlib.import_module("rushlight.as_torch").install()
    import runpy

    kind, rest = argv[0], argv[1:]
    if kind in ("-m", "-c"):
        if not rest:
            print(f"argument expected for {kind}\n{_USAGE}", file=sys.stderr)
            sys.exit(2)
        what, rest = rest[0], rest[1:]
        if kind == "-m":
            sys.argv = [what, *rest]
            if sys.path and sys.path[0] != os.getcwd():
                sys.path.insert(0, os.getcwd())
            runpy.run_module(what, run_name="__main__", alter_sys=True)
            return
        sys.argv = ["-c", *rest]
        namespace = _fresh_main()
        exec(compile(what, "<string>", "exec"), namespace)
        return
    if kind.startswith("-"):
        print(f"unknown option {kind}\n{_USAGE}", file=sys.stderr)
        sys.exit(2)
    sys.argv = [kind, *rest]
    if os.path.isdir(kind) or kind.endswith((".zip", ".pyz")):
        runpy.run_path(kind, run_name="__main__")
        return
    # a real __main__ module, so that pickling and worker processes find the script's classes
    try:
        with open(kind, "rb") as file:
            code = compile(file.read(), kind, "exec")
    except OSError as error:
        print(f"{sys.executable}: can't open file {kind!r}: {error}", file=sys.stderr)
        sys.exit(2)
    sys.path[0] = os.path.dirname(os.path.realpath(kind))
    namespace = _fresh_main()
    namespace["__file__"] = kind
    exec(code, namespace)


def _fresh_main() -> dict[str, Any]:
    module = ModuleType("__main__")
    module.__dict__["__builtins__"] = __builtins__
    sys.modules["__main__"] = module
    return module.__dict__


if __name__ == "__main__":
    main()
