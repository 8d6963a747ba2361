# Everything here works from a bare clone with Python 3.11 and make; it installs into .venv and nowhere else.
#
#   make demo    install, then run the main job on the sample scan: cells, measurements, a report
#   make test    install, then run the whole test suite
#   make check   style, types and the fast tests
#   make docs    build the documentation into docs/_build/html
#   make bench   measure speed and memory (benchmarks/), as ratios from one run
#   make models  train the shipped models again, from nothing (hours)
#   make calibration SECTION=folder   compare phantoms with a real section there; writes docs/calibration.md

PYTHON ?= python3.11
ifeq (, $(shell command -v $(PYTHON) 2>/dev/null))
PYTHON := python3
endif

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

# One thread for each test process: the suite runs in as many processes as there are cores.
TEST := OMP_NUM_THREADS=1 NUMBA_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --quiet

.PHONY: demo test check docs bench models calibration clean

demo: $(VENV)/base
	$(BIN)/mesophyll demo

test: $(VENV)/develop
	$(TEST)

check: $(VENV)/develop
	$(BIN)/ruff format --check --quiet
	$(BIN)/ruff check --quiet
	$(BIN)/mypy
	$(TEST) -m "not slow"

docs: $(VENV)/develop
	$(BIN)/sphinx-build -W --keep-going -q docs docs/_build/html

bench: $(VENV)/develop
	$(BIN)/python -m benchmarks

models: $(VENV)/base
	$(BIN)/python models/make.py

calibration: $(VENV)/develop
	OMP_NUM_THREADS=1 $(BIN)/python -m calibration.make $(SECTION)

clean:
	rm -rf $(VENV) demo docs/_build

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/base: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) --editable .
	touch $@

$(VENV)/develop: $(VENV)/base
	$(PIP) --editable ".[test,check,docs]"
	touch $@
