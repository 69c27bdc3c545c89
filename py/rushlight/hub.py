"""`torch.hub`: models from repositories. Local folders work; Rushlight downloads nothing by itself."""

from __future__ import annotations

import hashlib
import os
import re
import sys
from typing import Any
from urllib.parse import urlparse

import rushlight as torch

__all__ = ["download_url_to_file", "get_dir", "help", "list", "load", "load_state_dict_from_url", "set_dir"]

HASH_REGEX = re.compile(r"-([a-f0-9]*)\.")
MODULE_HUBCONF = "hubconf.py"
_hub_dir: str | None = None


def _get_torch_home() -> str:
    cache = os.getenv("XDG_CACHE_HOME", "~/.cache")
    return os.path.expanduser(os.getenv("TORCH_HOME", os.path.join(cache, "torch")))


def get_dir() -> str:
    """The folder of downloaded files: `$TORCH_HOME/hub`, by default `~/.cache/torch/hub`."""
    return _hub_dir if _hub_dir is not None else os.path.join(_get_torch_home(), "hub")


def set_dir(d: str | os.PathLike) -> None:
    """Sets the folder of downloaded files."""
    global _hub_dir
    _hub_dir = os.path.expanduser(d)


def _offline(what: str, way_out: str) -> NotImplementedError:
    return NotImplementedError(f"{what}: Rushlight downloads nothing by itself. {way_out}")


def _local(repo_or_dir: str, source: str, name: str) -> Any:
    if source not in ("github", "local"):
        raise ValueError(f'Unknown source: "{source}". Allowed values: "github" | "local".')
    if source == "github":
        raise _offline(f"hub.{name}({repo_or_dir!r})", "Clone the repository and give its folder, with source='local'.")
    import importlib.util

    path = os.path.join(os.path.expanduser(repo_or_dir), MODULE_HUBCONF)
    if not os.path.isfile(path):
        raise FileNotFoundError(f"hub.{name}: no {MODULE_HUBCONF} in {repo_or_dir}")
    sys.path.insert(0, os.path.dirname(path))
    try:
        spec = importlib.util.spec_from_file_location("hubconf", path)
        module = importlib.util.module_from_spec(spec)  # type: ignore[arg-type]
        spec.loader.exec_module(module)  # type: ignore[union-attr]
    finally:
        sys.path.remove(os.path.dirname(path))
    for package in getattr(module, "dependencies", ()):
        if importlib.util.find_spec(package) is None:
            raise RuntimeError(f"Missing dependencies: {package}")
    return module


def _entry(module: Any, model: str) -> Any:
    function = getattr(module, model, None)
    if not callable(function):
        raise RuntimeError(f"Cannot find callable {model} in hubconf")
    return function


def load(repo_or_dir: str, model: str, *args: Any, source: str = "github", **kwargs: Any) -> Any:
    """Calls the entry `model` of a repository's hubconf.py; only for folders (`source="local"`).

    Raises:
        NotImplementedError: for repositories on GitHub.
    """
    for option in ("trust_repo", "force_reload", "verbose", "skip_validation"):
        kwargs.pop(option, None)
    return _entry(_local(repo_or_dir, source, "load"), model)(*args, **kwargs)


def list(
    github: str, force_reload: bool = False, skip_validation: bool = False, trust_repo: Any = None, verbose: bool = True
) -> Any:
    """The entries of a repository's hubconf.py, given as a folder."""
    module = _local(github, "local" if os.path.isdir(os.path.expanduser(github)) else "github", "list")
    return [name for name, value in vars(module).items() if callable(value) and not name.startswith("_")]


def help(
    github: str, model: str, force_reload: bool = False, skip_validation: bool = False, trust_repo: Any = None
) -> Any:
    """The docstring of an entry of a repository's hubconf.py, given as a folder."""
    return _entry(
        _local(github, "local" if os.path.isdir(os.path.expanduser(github)) else "github", "help"), model
    ).__doc__


def download_url_to_file(url: str, dst: str, hash_prefix: str | None = None, progress: bool = True) -> None:
    """Copies what a `file:` URL names to `dst`, and checks its SHA-256.

    Raises:
        NotImplementedError: for URLs of the network.
        RuntimeError: if the hash does not begin with `hash_prefix`.
    """
    parts = urlparse(url)
    if parts.scheme != "file":
        raise _offline(f"hub.download_url_to_file({url!r})", f"Download it by other means to {dst!r}.")
    from urllib.request import url2pathname

    digest = hashlib.sha256()
    temporary = f"{dst}.{os.getpid()}.partial"
    try:
        with open(url2pathname(parts.path), "rb") as source, open(temporary, "wb") as target:
            while chunk := source.read(1 << 20):
                digest.update(chunk)
                target.write(chunk)
        if hash_prefix is not None and not digest.hexdigest().startswith(hash_prefix):
            raise RuntimeError(
                f'invalid hash value (expected "{hash_prefix}", got "{digest.hexdigest()[: len(hash_prefix)]}")'
            )
        os.replace(temporary, dst)
    finally:
        if os.path.exists(temporary):
            os.unlink(temporary)


def load_state_dict_from_url(
    url: str,
    model_dir: str | None = None,
    map_location: Any = None,
    progress: bool = True,
    check_hash: bool = False,
    file_name: str | None = None,
    weights_only: bool = True,
) -> dict[str, Any]:
    """Loads a file that lies in the cache (`model_dir`, by default `get_dir()/checkpoints`) under the URL's file name.

    Raises:
        NotImplementedError: if it does not lie there.
    """
    model_dir = model_dir or os.path.join(get_dir(), "checkpoints")
    name = file_name or os.path.basename(urlparse(url).path)
    path = os.path.join(model_dir, name)
    if not os.path.exists(path):
        if urlparse(url).scheme != "file":
            raise _offline(f"hub.load_state_dict_from_url({url!r})", f"Download it by other means to {path!r}.")
        os.makedirs(model_dir, exist_ok=True)
        match = HASH_REGEX.search(name) if check_hash else None
        download_url_to_file(url, path, match.group(1) if match else None, progress)
    return torch.load(path, map_location=map_location, weights_only=weights_only)
