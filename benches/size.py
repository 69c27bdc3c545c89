"""How large Rushlight is: lines per folder, bytes of the library, milliseconds of the import (`make size`)."""

from __future__ import annotations

import subprocess
import sys
import zlib
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDERS = ("rust/core/src", "rust/python/src", "py/rushlight", "tests", "benches", "examples")


def lines(folder: Path) -> int:
    """Lines of source below a folder."""
    files = [p for suffix in ("*.rs", "*.py", "*.wgsl") for p in folder.rglob(suffix)]
    return sum(len(p.read_text(encoding="utf-8").splitlines()) for p in files)


def import_ms() -> float:
    """The least time of several fresh imports, as ``-X importtime`` tells it."""
    times = []
    for _ in range(5):
        run = subprocess.run(
            [sys.executable, "-X", "importtime", "-c", "import rushlight"], capture_output=True, text=True, check=True
        )
        times.append(int(run.stderr.strip().splitlines()[-1].split("|")[1]))
    return min(times) / 1000


def main() -> None:
    """Prints it all."""
    for folder in FOLDERS:
        if (ROOT / folder).exists():
            print(f"{folder:<20} {lines(ROOT / folder):>7} lines")
    where = [sys.executable, "-c", "import rushlight; print(rushlight._C.__file__)"]
    found = subprocess.run(where, capture_output=True, text=True, check=True)
    library = Path(found.stdout.strip())
    data = library.read_bytes()
    print(f"{library.name}: {len(data) / 1e6:.1f} MB, {len(zlib.compress(data)) / 1e6:.1f} MB as a wheel packs it")
    print(f"import rushlight: {import_ms():.0f} ms")


if __name__ == "__main__":
    main()
