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
# Debian splits venv off python3; without it we say which package to install.
.venv/ready: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "paxcheck needs Python 3.11 or newer; try: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -m venv .venv 2>/dev/null || $(PYTHON) -m virtualenv -q .venv 2>/dev/null \
	  || { rm -rf .venv; echo "cannot make .venv: install the venv module first (Debian: apt-get install python3-venv)"; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $@

.venv/ready-dev: .venv/ready
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

clean:
	rm -rf .venv .pytest_cache .hypothesis .ruff_cache build dist
