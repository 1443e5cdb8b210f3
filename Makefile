# Two commands do all the set-up: `make check` (check Paxos) and `make test` (pass the tests).
PYTHON ?= python3
BIN := .venv/bin

.PHONY: check test lint clean

check: .venv/ready
	$(BIN)/paxcheck check synod

test: .venv/ready
	$(BIN)/pytest

lint: .venv/ready-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

# The environment is isolated: nothing is installed outside .venv.
# Debian ships python3 without the means to make an environment with pip in it. Where it is
# missing, the package that has it is installed first, if we may.
.venv/ready: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "paxcheck needs Python 3.11 or newer: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || $(MAKE) --no-print-directory python3-venv
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	@$(BIN)/python -m compileall -q src  # so that the first start is as fast as the next ones
	@touch $@

.PHONY: python3-venv
python3-venv:
	@echo "this Python cannot make virtual environments; installing Debian's python3-venv"
	@if [ "$$(id -u)" = 0 ]; then sudo=; else sudo="sudo -n"; fi; \
	  { $$sudo apt-get -q update && $$sudo apt-get -qy install python3-venv; } >/dev/null 2>&1 \
	  || { echo "that failed. Please run: sudo apt-get install python3-venv"; exit 1; }

.venv/ready-dev: .venv/ready
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

clean:
	rm -rf .venv .pytest_cache .hypothesis .ruff_cache build dist
