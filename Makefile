# Everything runs in the project's own environment; the only things needed beforehand are Python, make and git.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
XDIST  ?= 2
PIP    := $(BIN)/python -m pip --quiet --disable-pip-version-check
# Processes that tests and jobs start import from bytecode on disk, also where the environment says not to write any.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-all lint warm ready bench sample model clean

help:  ## show the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "cardrisk needs Python 3.11 or newer, got " + sys.version.split()[0] + ": call make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv $(VENV)
	@# PySpark comes as source alone: one core builds it while the other installs the rest
	@$(PIP) install --no-compile --no-deps -c constraints.txt pyspark & pyspark=$$!; \
	  $(PIP) install --no-compile -c constraints.txt -e '.[checks,service]' && wait $$pyspark
	$(PIP) install --no-compile -c constraints.txt -e '.[dev,service]'
	@touch $@

setup: $(STAMP)  ## make the environment and install

demo: $(STAMP)  ## generate a world, train, register, score an export file, write the report
	$(BIN)/cardrisk demo --out demo

test: ready  ## all tests, at most ten minutes on two cores
	$(BIN)/python -m pytest -n $(XDIST) --dist loadscope --no-loadscope-reorder -q

test-all: ready  ## with the full counts and the soaks
	CARDRISK_TEST_ALL=1 $(BIN)/python -m pytest -n $(XDIST) --dist loadscope --no-loadscope-reorder -q --timeout 7200

lint: $(STAMP)  ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

warm: $(STAMP)  # machine code for the tests, made once instead of by every worker
	@$(BIN)/python -m tests.warm > /dev/null

ready: $(STAMP)
	@$(MAKE) --no-print-directory -j2 lint warm

bench: $(STAMP)  ## every benchmark, small, with the peers it names
	@$(PIP) install --no-compile -c constraints.txt -e '.[benchmarks]'
	@for f in benchmarks/*.py; do echo "== $$f"; $(BIN)/python $$f --small || exit 1; done

sample: $(STAMP)  ## make data/synthetic/sample anew
	$(BIN)/cardrisk generate --days 28 --scale 0.0035 --seed 1 --out data/synthetic/sample

model: $(STAMP)  ## train models/default anew, on a world of its own
	$(BIN)/cardrisk generate --days 50 --scale 0.012 --seed 11 --out build/world
	CARDRISK_KEY=$$($(BIN)/python -c 'import secrets; print(secrets.token_hex(32))') \
	  $(BIN)/cardrisk train build/world --out models/default --no-track

clean:  ## remove the environment and everything made
	rm -rf $(VENV) demo build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
