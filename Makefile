# Every target does its own set-up: only Python 3.11 or newer, make and git are needed.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
WORKERS ?= 2

.PHONY: help demo test check fmt bench bench-peers soak faults screenshots clean

help:
	@echo "make demo         a collector, replayed production traffic and the terminal UI"
	@echo "make test         all tests"
	@echo "make check        format, lint, types, import contracts"
	@echo "make fmt          format, and mend what the linter can"
	@echo "make bench        benchmarks, into bench/RESULTS.md"
	@echo "make bench-peers  install what the benchmarks compare with, outside the repository"
	@echo "make soak         ten minutes at half of the measured maximum"
	@echo "make faults       slow fault runs: a line a fault"
	@echo "make screenshots  draw the pictures of the documents, and write their key reference"

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: $(BIN)/python pyproject.toml constraints.txt
	$(PIP) install -c constraints.txt -e '.[all]'
	@touch $@

$(VENV)/.dev: $(BIN)/python pyproject.toml constraints.txt
	$(PIP) install -c constraints.txt -e '.[dev]'
	@touch $@ $(VENV)/.run

demo: $(VENV)/.run
	$(BIN)/llmmon demo --incident

test: $(VENV)/.dev
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

check: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fmt: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.dev
	$(BIN)/python -m bench

bench-peers: $(VENV)/.dev
	$(BIN)/python -m bench.peers.install

soak: $(VENV)/.dev
	$(BIN)/python -m bench.soak

faults: $(VENV)/.dev
	$(BIN)/python -m pytest tests/faults --durations=15

screenshots: $(VENV)/.dev
	$(BIN)/python docs/screenshots.py
	$(BIN)/python docs/keys.py

clean:
	rm -rf $(VENV) dist build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
