# Needs Python 3.11 or newer and make, nothing else: `make demo`, `make test`.
.DEFAULT_GOAL := help
SHELL := /bin/sh

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEMO_VENV := .venv-demo
DEMO_STAMP := $(DEMO_VENV)/.installed
PIP_QUIET := --quiet --disable-pip-version-check

.PHONY: help
help:  ## Show what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# Stamps instead of phony targets: the second `make` starts at once.
$(STAMP): pyproject.toml
	$(call environment,$(VENV),.[dev])
	@touch $@

# The package alone: whoever only looks does not wait for the tools that build and test it.
$(DEMO_STAMP): pyproject.toml
	$(call environment,$(DEMO_VENV),.)
	@touch $@

define environment
@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
  echo "tandem_store needs Python 3.11 or newer, and $(PYTHON) is not. Try: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
@test -x $(1)/bin/pip || $(PYTHON) -m venv $(1)
@echo "Installing $(2) into $(1) ..."
@$(1)/bin/python -m pip install $(PIP_QUIET) --editable '$(2)'
endef

.PHONY: dev
dev: $(STAMP)  ## Make the virtual environment with everything in it

.PHONY: demo
demo: $(DEMO_STAMP)  ## See in a minute what it does: import, verify, look, and a damaged history
	@PATH="$(CURDIR)/$(DEMO_VENV)/bin:$$PATH" DEMO_BIN=$(DEMO_VENV)/bin/ sh examples/demo.sh

.PHONY: picture
picture: $(STAMP) demo  ## Draw docs/terminal.svg, the picture in the README, from a real terminal
	$(BIN)/python examples/picture.py

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
	rm -rf build demo dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
