"""What the documents say is so: their programs run, their paths exist, and so does what the docstrings show."""

from __future__ import annotations

import ast
import doctest
import importlib
import os
import re
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

import rushlight as torch

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "py" / "rushlight"
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]

# Examples that cannot pass yet: file and name of the docstring -> what it waits for. Take a line away when it has come.
WAITING: dict[str, str] = {}


def programs(document: Path) -> list[str]:
    """The blocks of a document that are marked as Python, and the indented ones that import rushlight."""
    text = document.read_text(encoding="utf-8")
    fenced = re.findall(r"^```python\n(.*?)^```", text, re.M | re.S)
    indented = re.findall(r"(?:^ {4}.*\n|^\n(?= {4}))+", text, re.M)
    return fenced + [block for block in indented if re.match(r"\s*import rushlight", block)]


def test_readme_opens_with_the_two_commands() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    lines = re.search(r"(?:^ {4}.*\n)+|^```.*\n(?:.*\n)*?```", text, re.M)
    assert lines, "README has no code block"
    commands = [line.strip() for line in lines.group().splitlines() if not line.startswith("```")]
    assert commands[:2] == [
        "pip install '.[examples]' && python examples/mnist.py",
        "pip install '.[dev]' && pytest",
    ]
    assert programs(ROOT / "README.md"), "README shows no training loop"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: p.name)
def test_programs_of_the_documents_run(document: Path, tmp_path: Path) -> None:
    for program in programs(document):
        code = ast.unparse(ast.parse(_dedented(program)))
        run = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=_environment(), capture_output=True, text=True)
        assert run.returncode == 0, f"{document.name}:\n{program}\n{run.stderr}"


def _dedented(program: str) -> str:
    import textwrap

    return textwrap.dedent(program)


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(str(Path(p).resolve()) for p in sys.path if p)}


# A path in backquotes: with a slash or a known ending, and without blanks, brackets or wildcards.
PATH = re.compile(r"`([\w./-]+)`")
ENDINGS = (".rs", ".py", ".pyi", ".md", ".toml", ".yml", ".txt", ".wgsl")
# What the documents name that is made when it is needed, or lies elsewhere.
MADE = {"target", "dist", "mnist.pt", "mnist.png", "native_functions.yaml"}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: p.name)
def test_paths_of_the_documents_exist(document: Path) -> None:
    text = re.sub(r"^```.*?^```", "", document.read_text(encoding="utf-8"), flags=re.M | re.S)
    folders = [ROOT, ROOT / "rust/core/src", ROOT / "rust/python/src", PACKAGE]
    for path in PATH.findall(text):
        if not path.endswith((*ENDINGS, "/")) or path.rstrip("/") in MADE or path.split("/")[0] in MADE:
            continue
        assert any((folder / path).exists() for folder in folders), f"{document.name} names {path}, which is not there"


def examples() -> Iterator[pytest.param]:
    """Every docstring of the package that holds an example, by file and name."""
    for file in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                text = ast.get_docstring(node)
                if text and ">>>" in text:
                    where = file.relative_to(PACKAGE).as_posix()
                    name = where if isinstance(node, ast.Module) else f"{where}::{node.name}"
                    marks = [pytest.mark.xfail(reason=WAITING[name], strict=True)] if name in WAITING else []
                    yield pytest.param(file, text, id=name, marks=marks)


@pytest.mark.parametrize("file, text", list(examples()))
def test_examples_in_docstrings(file: Path, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = ".".join(("rushlight", *file.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")
    names = {**vars(importlib.import_module(module)), "torch": torch, "nn": torch.nn, "F": torch.nn.functional}
    test = doctest.DocTestParser().get_doctest(text, names, module, str(file), 0)
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    said: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        runner.run(test, out=said.append)
    assert runner.failures == 0, "".join(said)


def test_import_is_quick_and_brings_nothing_along() -> None:
    # Once without timing, so that the byte code is written and the files are in memory.
    code = "import sys, rushlight; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], env=_environment(), capture_output=True, text=True, check=True)
    for name in ("numpy", "wgpu", "inspect", "onnx", "tensorboard", "rushlight.nn", "rushlight.optim"):
        assert name not in loaded.stdout.split(), f"import rushlight loads {name}"
    times = []
    for _ in range(7):
        command = [sys.executable, "-X", "importtime", "-c", "import rushlight"]
        run = subprocess.run(command, env=_environment(), capture_output=True, text=True, check=True)
        times.append(int(run.stderr.strip().splitlines()[-1].split("|")[1]) / 1000)
    assert min(times) <= 50, f"import rushlight takes {min(times):.0f} ms"
