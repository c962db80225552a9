# `make run` runs the whole benchmark, `make test` the tests; each builds .venv first if it is not there.
PYTHON ?= python3
BIN := $(CURDIR)/.venv/bin
export PATH := $(BIN):$(PATH)

.PHONY: run test ui lint

run: .venv/installed
	@started=$$(date +%s) && dvc repro && python -m benchmarks sync && python -m benchmarks times --since $$started

test: .venv/installed
	python -m pytest

ui: .venv/installed
	python -m benchmarks ui

lint: .venv/installed
	ruff check .
	ruff format --check .
	pyright

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --disable-pip-version-check -q -c constraints.txt -e '.[dev]'
	$(BIN)/python -m compileall -q .venv/lib simgan estimators benchmarks || true
	touch $@
