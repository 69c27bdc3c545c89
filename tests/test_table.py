"""The table of functions: every row fits its Rust function, tells what it does, and stands in the stub."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from rushlight import _rushlight

ROOT = Path(__file__).parents[1]
STUB = ROOT / "py" / "rushlight" / "_rushlight.pyi"


def stubs() -> ModuleType:
    """The program that writes the stub."""
    spec = importlib.util.spec_from_file_location("stubs", ROOT / "rust" / "python" / "stubs.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def published() -> Iterator[tuple[str, Any]]:
    """All functions and methods that the table made, by where they are found."""
    table = _rushlight._stubs()
    for place, text in table.items():
        holder = getattr(_rushlight, place) if place else _rushlight
        prefix = f"{place}." if place else ""
        for name in sorted({line.split("(")[0].split()[-1] for line in text.splitlines() if "def " in line}):
            yield prefix + name, getattr(holder, name)


FUNCTIONS = dict(published())


def test_there_are_hundreds() -> None:
    assert len(FUNCTIONS) > 1000 and {"add", "Tensor.add", "Tensor.add_", "add_", "_nn.gelu"} <= FUNCTIONS.keys()


def test_every_rust_function_takes_what_its_schema_says() -> None:
    assert _rushlight._check_table() == []


def test_every_row_says_what_it_computes() -> None:
    silent = []
    for name, function in FUNCTIONS.items():
        # The signatures come first, then a blank line, then the text.
        text = (function.__doc__ or "").partition("\n\n")[2].strip()
        if not text:
            silent.append(name)
    assert silent == []


def test_signatures_parse() -> None:
    for name, function in FUNCTIONS.items():
        heads = [line for line in function.__doc__.partition("\n\n")[0].splitlines() if " -> " in line]
        if len(heads) > 1 or "(from" in heads[0] or " lambd=" in heads[0]:
            continue  # overloads have no one signature, and `from` cannot be in one
        parameters = inspect.signature(function).parameters
        if name.startswith("Tensor."):
            assert next(iter(parameters)) == "self", name


def test_signatures_tell_what_a_call_takes() -> None:
    assert str(inspect.signature(_rushlight.matmul)) == "(input, other, *, out=None)"
    assert str(inspect.signature(_rushlight.Tensor.matmul)) == "(self, /, other)"


def test_stub_is_up_to_date() -> None:
    assert STUB.read_text(encoding="utf-8") == stubs().stub(), "run `make stubs`"
    assert (STUB.parent / "py.typed").exists()


def test_stub_names_everything() -> None:
    tree = ast.parse(STUB.read_text(encoding="utf-8"))
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}

    def names(body: list[ast.stmt]) -> set[str]:
        found = {node.name for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
        return found | {node.target.id for node in body if isinstance(node, ast.AnnAssign)}  # type: ignore[union-attr]

    missing = {name for name in vars(_rushlight) if not name.startswith("_")} - names(tree.body)
    assert missing == set()
    inherited = vars(object).keys() | {"__dict__", "__dir__", "__doc__", "__module__", "__weakref__"}
    methods = {name for name in vars(_rushlight.Tensor) if not name.startswith("_") or name.startswith("__")}
    missing = methods - names(classes["Tensor"].body) - inherited
    assert missing - {"__array_interface__", "__array_priority__", "__setstate__"} == set()


@pytest.mark.skipif(shutil.which("mypy") is None, reason="needs mypy")
def test_stub_serves_a_type_checker(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "import rushlight as torch\n"
        "x = torch.ones(2, 3)\n"
        "reveal_type(x @ x.t())\n"
        "reveal_type(x.max(1))\n"
        "reveal_type(torch.float32)\n"
        "torch.matmul(x, 'y')\n"
    )
    command = [sys.executable, "-m", "mypy", "--follow-imports=silent", "--cache-dir", str(tmp_path / "cache"), str(program)]
    run = subprocess.run(command, cwd=ROOT / "py", capture_output=True, text=True)
    errors = [line for line in run.stdout.splitlines() if "program.py" in line and ": error:" in line]
    assert len(errors) == 1 and "program.py:6" in errors[0], run.stdout
    assert run.stdout.count('Revealed type is "rushlight._rushlight.Tensor"') == 1, run.stdout
