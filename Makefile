# Needs Python 3.11 or newer and make, nothing else: `make demo`, `make test`.
.DEFAULT_GOAL := help
SHELL := /bin/sh

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEMO_VENV := .venv-demo
DEMO_STAMP := $(DEMO_VENV)/.installed
BENCH_VENV := .venv-bench
BENCH_STAMP := $(BENCH_VENV)/.installed
PIP_QUIET := --quiet --disable-pip-version-check
# Tests start hundreds of processes, and each would compile the package anew.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help
help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# Stamps instead of phony targets: the second `make` starts at once.
$(STAMP): pyproject.toml
	$(call environment,$(VENV),--editable '.[dev]')
	@touch $@

# Only the package: a first look should not wait for development tools.
$(DEMO_STAMP): pyproject.toml
	$(call environment,$(DEMO_VENV),--editable .)
	@touch $@

# What the benchmarks compare with; it has nothing to do with how tandem_store is developed.
$(BENCH_STAMP): benchmarks/peers/requirements.txt
	$(call environment,$(BENCH_VENV),--requirement benchmarks/peers/requirements.txt)
	@touch $@

define environment
@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
  echo "tandem_store needs Python 3.11 or newer, and $(PYTHON) is not. Try: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
@test -x $(1)/bin/pip || $(PYTHON) -m venv $(1)
@echo "Installing $(lastword $(2)) into $(1) ..."
@$(1)/bin/python -m pip install $(PIP_QUIET) $(2)
endef

.PHONY: dev
dev: $(STAMP)  ## Make .venv with everything that development needs

.PHONY: demo
demo: $(DEMO_STAMP)  ## See what it does, in half a minute: import, verify, look around
	@PATH="$(CURDIR)/$(DEMO_VENV)/bin:$$PATH" DEMO_BIN=$(DEMO_VENV)/bin/ sh examples/demo.sh

.PHONY: picture
picture: $(STAMP) demo  ## Draw the pictures of the pages from a real terminal, and from Chromium
	$(BIN)/python examples/picture.py
	$(BIN)/python examples/datasette_picture.py

.PHONY: docs
docs: $(STAMP)  ## Write the generated pages: commands, API, tables, map of the modules, benchmarks
	$(BIN)/python -m tools
	$(BIN)/python -m benchmarks.publish

.PHONY: map
map: $(STAMP)  ## Write only the map of the modules, in docs/internals/architecture.md
	$(BIN)/python -m tools map

.PHONY: schema
schema: $(STAMP)  ## Write only the tables, in docs/reference/schema.md
	$(BIN)/python -m tools schema

.PHONY: lint
lint: $(STAMP)  ## Check format, style, types and layers
	$(BIN)/ruff check --quiet .
	$(BIN)/ruff format --quiet --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Four at once keep two cores busy, because many tests wait for a server or another process.
.PHONY: test
test: lint  ## Run lint, then every test but the long ones
	$(BIN)/python -m pytest -n 4 --dist worksteal --quiet -m 'not slow'

.PHONY: test-long
test-long: $(STAMP)  ## Run the long tests: kills, many processes for a minute; prints figures
	$(BIN)/python -m pytest --quiet -m slow --capture=no

.PHONY: coverage
coverage: $(STAMP)  ## Show which branches of the package the tests do not reach
	$(BIN)/python -m coverage erase
	$(BIN)/python -m coverage run -m pytest -n 2 --quiet -m 'not slow'
	$(BIN)/python -m coverage combine --quiet
	$(BIN)/python -m coverage report

.PHONY: mutation
mutation: $(STAMP)  ## Change the rules of choice, cursors and claims, and see whether a test notices
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/mutmut run --max-children 2
	$(BIN)/mutmut results

.PHONY: bench
bench: $(STAMP) $(BENCH_STAMP)  ## Measure everything; AGAINST=HEAD^ measures that commit, too
	$(BIN)/python -m benchmarks $(if $(AGAINST),--against $(AGAINST)) $(OPTIONS)

.PHONY: bench-questions
bench-questions: $(STAMP)  ## Measure the questions of docs/questions.md at 10,000 to 1,000,000 runs
	$(BIN)/python -m benchmarks.questions
	$(BIN)/python -m benchmarks.publish

.PHONY: bench-quick
bench-quick: $(STAMP) $(BENCH_STAMP)  ## Check in a minute that everything measured stores the same
	$(BIN)/python -m benchmarks --quick --results build/bench-quick.json

.PHONY: clean
clean:  ## Remove what the other targets made, except the virtual environments
	rm -rf build demo dist mutants .coverage .coverage.* .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
