# Needs Python 3.11 or newer and make, nothing else: `make demo`, `make test`.
.DEFAULT_GOAL := help
SHELL := /bin/sh

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEMO_DB := demo.db
PIP_QUIET := --quiet --disable-pip-version-check

.PHONY: help
help:  ## Show what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# A stamp instead of a phony target: the second `make` starts at once.
$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "tandem_store needs Python 3.11 or newer, and $(PYTHON) is not. Try: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV)
	@echo "Installing tandem_store and its tools into $(VENV) ..."
	@$(BIN)/python -m pip install $(PIP_QUIET) --editable '.[dev]'
	@touch $@

.PHONY: dev
dev: $(STAMP)  ## Make the virtual environment with everything in it

.PHONY: demo
demo: $(STAMP)  ## Import the example state directory, verify it and look around
	@rm -f $(DEMO_DB) $(DEMO_DB)-wal $(DEMO_DB)-shm $(DEMO_DB).lock $(DEMO_DB).import.lock
	$(BIN)/tandem-store --db $(DEMO_DB) import examples/state
	$(BIN)/tandem-store --db $(DEMO_DB) verify examples/state
	$(BIN)/tandem-store --db $(DEMO_DB) runs list --limit 10
	$(BIN)/tandem-store --db $(DEMO_DB) stats

.PHONY: lint
lint: $(STAMP)  ## Check format, style, types and layers
	$(BIN)/ruff check --quiet .
	$(BIN)/ruff format --quiet --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: test
test: lint  ## Be sure: lint, then every test but the long ones
	$(BIN)/python -m pytest -n 2 --quiet -m 'not slow'

.PHONY: test-long
test-long: $(STAMP)  ## The long tests: kills, and many processes for a minute; prints figures
	$(BIN)/python -m pytest --quiet -m slow --capture=no

.PHONY: bench
bench: $(STAMP)  ## Measure the import, every call of the repository, and salvaging
	$(BIN)/python -m benchmarks
	$(BIN)/python -m benchmarks.repository
	$(BIN)/python -m benchmarks.salvage

.PHONY: clean
clean:  ## Remove what was made here, except the virtual environment
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	rm -f $(DEMO_DB) $(DEMO_DB)-wal $(DEMO_DB)-shm $(DEMO_DB).lock $(DEMO_DB).import.lock
