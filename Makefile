# One verb per thing people do. `make` alone lists them. ARGS="..." is handed on to the program behind demo and test.

SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
# Scripts in a virtual environment hold its absolute path, so one that was copied along with its checkout is not installed.
INSTALLED := $(VENV)/.installed-$(shell printf '%s' '$(CURDIR)' | cksum | cut -d ' ' -f 1)

.PHONY: help setup demo test check check-code bench chaos sim planted clean
.DEFAULT_GOAL := help

help:        ## list what can be done
	@sed -n 's/^\([a-z-]*\): .*## \(.*\)/  make \1	\2/p' $(MAKEFILE_LIST) | expand -t 20

setup: $(INSTALLED) ## install everything into .venv, locked by hashes; quick when nothing has changed
	@:

demo: setup  ## the whole system with a real broker and database, playing real loans; ARGS="--loans 2000 --days 60 --exit"
	@$(BIN)/arrears demo $(ARGS)

# There are no groups: so dealt out, each test goes to whichever of the two processes is free.
test: setup  ## every test, on the real broker and database; ARGS="-k visits" picks some
	@$(BIN)/python -m pytest -n 2 --dist loadgroup $(ARGS)

check: check-code test ## what must pass before a change lands: format, lint, strict types, tests

check-code: setup ## format, lint and strict types only
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy

bench: setup ## speed, in ratios; ARGS="step|day-end|latency|recovery|scale", alone it lists them
	@$(BIN)/python -m tests.bench $(ARGS)

chaos: setup ## kill, freeze and cut real processes, then audit; ARGS="--seed 1 --events 100000 --kills 40 --html FILE"
	@$(BIN)/python -m tests.chaos $(ARGS)

sim: setup   ## a seeded simulation of all services with faults; ARGS="--first-seed 1 --seeds 1000", ARGS="--replay 7"
	@$(BIN)/python -m tests.sim $(ARGS)

planted: setup ## plant each bug of tests/planted in a copy of the checkout and see who catches it; ARGS="--only seam"
	@$(BIN)/python -m tests.planted $(ARGS)

clean:       ## stop what runs here, then remove var (data, logs) and tool caches; .venv stays
	@if [ -e var/run/lock ] && [ -x $(BIN)/arrears ]; then $(BIN)/arrears down || exit 1; fi
	@rm -rf var .pytest_cache .mypy_cache .ruff_cache .hypothesis dist

$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed, as in: make setup PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "Python's venv module is not installed. On Debian or Ubuntu: apt install python3-venv" >&2; exit 1; }
	@echo "Installing into $(VENV): a minute or two, once ..."
	@rm -f $(VENV)/.installed-*
	@[ -n "$$($(BIN)/pip --version 2>/dev/null | grep -F '$(CURDIR)/')" ] || $(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@
	@echo "Installed. The command is $(BIN)/arrears. Next: make demo, or $(BIN)/arrears up"
