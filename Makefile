# What one needs while working on Rushlight. `make help` prints this list.
PYTHON ?= python3

.PHONY: help dev test lint wheel

help: ## This list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

dev: ## Build the extension for working on it; then PYTHONPATH=py python …
	cargo build -p rushlight-python
	cp target/debug/lib_rushlight.so py/rushlight/_rushlight.so

release: ## The same, optimised
	cargo build --release -p rushlight-python
	cp target/release/lib_rushlight.so py/rushlight/_rushlight.so

test: ## All tests, with what `make dev` built
	cargo test --workspace
	PYTHONPATH=py $(PYTHON) -m pytest -q tests

lint: ## Formatting and lints, the cheapest checks first
	cargo fmt --check
	ruff check py tests
	cargo clippy --workspace -- -D warnings

wheel: ## A wheel to install elsewhere
	maturin build --release
