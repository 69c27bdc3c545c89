"""What the documents say is so: their programs run, their paths exist, and so does what the docstrings show."""

from __future__ import annotations

import ast
import doctest
import importlib
import os
import re
import subprocess
import sys
import textwrap
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest

import rushlight as torch

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "py" / "rushlight"
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]

# Examples that cannot pass yet: file and name of the docstring -> what it waits for. Take a line away when it has come.
WAITING: dict[str, str] = {
    "multiprocessing/spawn.py::spawn": "processes, which are not there yet",
    "utils/tensorboard.py::SummaryWriter": "an extra, the package tensorboard",
    "nn/utils/init.py::skip_init": "the device 'meta'",
}


class MyConfig:
    """What the example of add_safe_globals names."""


def stage() -> dict[str, Any]:
    """What examples take for granted: a model, its data, its optimiser."""
    nn = torch.nn
    torch.manual_seed(0)
    model, x = nn.Linear(4, 2), torch.randn(8, 4)
    images, labels = torch.rand(8, 1, 4, 4), torch.arange(8)
    dataset = torch.utils.data.TensorDataset(x, labels)
    timer = torch.utils.benchmark.Timer("x + 1", globals={"x": x})
    torch.save(model.state_dict(), "model.pt")
    torch.save({"w": x}, "checkpoint.pt")
    return {
        **{"torch": torch, "nn": nn, "F": nn.functional, "np": numpy, "MyConfig": MyConfig},
        **{"model": model, "block": model, "x": x.requires_grad_(), "expected": model(x), "loss": model(x).sum()},
        "optimizer": torch.optim.SGD(model.parameters(), lr=0.1),
        **{"images": images, "labels": labels, "texts": list("abcdefgh")},
        **{"dataset": dataset, "train": dataset, "extra": dataset, "loader": torch.utils.data.DataLoader(dataset)},
        **{"epoch": 0, "num_epochs": 10, "i": 0, "iterations": 4, "step": 0, "validation_loss": 0.5},
        **{"train_step": lambda: model(x), "timer_a": timer, "timer_b": timer, "config": {}},
    }


class Shown(doctest.OutputChecker):
    """An example that shows no output may have some."""

    def check_output(self, want: str, got: str, optionflags: int) -> bool:
        return want == "" or super().check_output(want, got, optionflags)


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
        command = [sys.executable, "-c", textwrap.dedent(program)]
        run = subprocess.run(command, cwd=tmp_path, env=_environment(), capture_output=True, text=True)
        assert run.returncode == 0, f"{document.name}:\n{program}\n{run.stderr}"


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
    folders = [ROOT, ROOT / "rust/core/src", ROOT / "rust/core/src/ops", ROOT / "rust/python/src", PACKAGE]
    for path in PATH.findall(text):
        if not path.endswith((*ENDINGS, "/")) or path.rstrip("/") in MADE or path.split("/")[0] in MADE:
            continue
        assert any((folder / path).exists() for folder in folders), f"{document.name} names {path}, which is not there"


def test_what_the_documents_quote_is_so() -> None:
    """A diff in a document added what stands in the files today, and rows that it shows are in the tables."""
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    diffs = re.findall(r"^```diff\n(.*?)^```", text, re.M | re.S)
    assert diffs
    for diff in diffs:
        source = ""
        for block in re.findall(r"^\+\+\+ b/(.*)$|((?:^\+(?!\+\+).*\n?)+)", diff, re.M):
            if block[0]:
                source = (ROOT / block[0]).read_text(encoding="utf-8")
            else:
                added = re.sub(r"^\+", "", block[1], flags=re.M)
                assert added.strip("\n") in source, f"no longer there:\n{added}"
    rust = "\n".join(p.read_text(encoding="utf-8") for p in (ROOT / "rust").rglob("*.rs"))
    known = {line.strip() for line in rust.splitlines()}
    plain = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    for line in re.findall(r"^(?: {4}| {7})(?=[/}a-z])(.*)$", plain, re.M):
        assert line.strip() in known, f"no longer there: {line}"


def examples() -> Iterator[pytest.param]:
    """Every docstring of the package that holds an example, by file and name."""
    for file in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                text = ast.get_docstring(node)
                if text and ">>>" in text:
                    where = file.relative_to(PACKAGE).as_posix()
                    name = where if isinstance(node, ast.Module) else f"{where}::{node.name}"
                    waits = WAITING.get(name, "")
                    marks = [pytest.mark.xfail(reason=waits, strict="an extra" not in waits)] if waits else []
                    yield pytest.param(file, text, id=name, marks=marks)


@pytest.mark.parametrize("file, text", list(examples()))
def test_examples_in_docstrings(file: Path, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = ".".join(("rushlight", *file.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")
    monkeypatch.chdir(tmp_path)
    names = {**stage(), **vars(importlib.import_module(module))}
    test = doctest.DocTestParser().get_doctest(text, names, module, str(file), 0)
    runner = doctest.DocTestRunner(Shown(), optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    said: list[str] = []
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        runner.run(test, out=said.append)
    torch.serialization.clear_safe_globals()  # an example adds one
    assert runner.failures == 0, "".join(said)


def test_import_is_quick_and_brings_nothing_along() -> None:
    # Once without timing, so that the byte code is written and the files are in memory.
    code = "import sys, rushlight; print(*sys.modules)"
    command = [sys.executable, "-c", code]
    loaded = subprocess.run(command, env=_environment(), capture_output=True, text=True, check=True)
    for name in ("numpy", "wgpu", "inspect", "onnx", "tensorboard", "rushlight.nn", "rushlight.optim"):
        assert name not in loaded.stdout.split(), f"import rushlight loads {name}"
    times = []
    for _ in range(7):
        command = [sys.executable, "-X", "importtime", "-c", "import rushlight"]
        run = subprocess.run(command, env=_environment(), capture_output=True, text=True, check=True)
        times.append(int(run.stderr.strip().splitlines()[-1].split("|")[1]) / 1000)
    assert min(times) <= 50, f"import rushlight takes {min(times):.0f} ms"
