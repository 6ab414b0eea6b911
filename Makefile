# Two commands for a newcomer: `make demo` and `make test`. Both need Python 3.11+, make and a package index.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# pip reads its usual configuration; -q leaves errors and warnings to be seen.
PIP := $(BIN)/python -m pip install -q --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help demo test lint docs clean

help:  ## show this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST)

demo: $(VENV)/.core  ## install, then watch memory programs evolve on the embedded benchmark (about two minutes)
	$(BIN)/evolve run --name demo

test: $(VENV)/.dev  ## install, then pass the tests
	$(BIN)/python -m pytest -n 3 --dist worksteal

lint: $(VENV)/.dev  ## check style, layout and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright --pythonpath $(BIN)/python

docs: $(VENV)/.docs  ## build the documentation site into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict -q
	@echo "Open site/index.html in a browser; it needs no network."

clean:  ## remove the environment and caches, not the runs
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis .benchmarks

$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Python 3.11 or newer is needed; $$($(PYTHON) --version 2>&1) was found. Try: make PYTHON=python3.12 demo"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.core: $(VENV)/.python pyproject.toml
	$(PIP) -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.core pyproject.toml
	$(PIP) -e '.[dev]'
	@touch $@

$(VENV)/.docs: $(VENV)/.core pyproject.toml
	$(PIP) -e '.[docs]'
	@touch $@
