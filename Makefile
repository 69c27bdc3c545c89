# What one needs while working on Rushlight. `make help` prints this list.
PYTHON ?= python3
# Where cargo leaves the library, and the name under which Python finds it.
ifeq ($(OS),Windows_NT)
LIBRARY = _rushlight.dll
MODULE = _rushlight.pyd
else ifeq ($(shell uname),Darwin)
LIBRARY = lib_rushlight.dylib
MODULE = _rushlight.so
else
LIBRARY = lib_rushlight.so
MODULE = _rushlight.so
endif

.PHONY: help dev release test lint stubs bench wheel size

help: ## This list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

dev: ## Build the extension for working on it; then PYTHONPATH=py python …
	cargo build -p rushlight-python
	cp target/debug/$(LIBRARY) py/rushlight/$(MODULE)

release: ## The same, optimised
	cargo build --release -p rushlight-python
	cp target/release/$(LIBRARY) py/rushlight/$(MODULE)

test: ## All tests, with what `make dev` or `make release` built
	cargo test --workspace
	PYTHONPATH=py $(PYTHON) -m pytest -q tests

lint: ## Formatting and lints, the cheapest checks first
	cargo fmt --check
	ruff check py tests benches rust
	cargo clippy --workspace -- -D warnings

stubs: ## Write the type stub of the extension module, after a change to the table of functions
	PYTHONPATH=py $(PYTHON) rust/python/stubs.py

bench: ## Time the kernels; benches/compare/ has the comparison with PyTorch
	cargo bench

wheel: ## A wheel to install elsewhere, and how large it is
	maturin build --release --out dist
	@ls -l dist

size: ## Lines per folder, bytes of the library, time of the import
	@PYTHONPATH=py $(PYTHON) benches/size.py
