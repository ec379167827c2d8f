# Every target does its own set-up in .venv; all it needs is make and Python 3.11 or later, no compiler.
#
#   make demo [ARGS=--once]    the guard in front of a model, as a story on the screen
#   make test [ARGS="-k sse"]  the tests
#   make slow [ARGS="-k sse"]  those tests that take seconds each
#   make lint                  style and the direction of imports
#   make types                 mypy, strict
#   make check                 all four
#   make format                rewrites the sources in the house style
#   make fuzz [ARGS=--help]    ten minutes of inputs that nobody thought of, guided by coverage
#   make mixed [ARGS=--help]   10,000 tagged requests, none of which may get another's answer
#   make attacks [ARGS=--help] one attack after the other, and what each costs the guard
#   make kills [ARGS=--help]   500 times kill -9 under load: every id that anybody saw is in the journal
#   make faults [ARGS=--help]  the journal's disk full, broken and slow, under load
#   make cost [ARGS=--help]    what the journal costs
#   make hotkey [ARGS=--help]  one key on four workers, far beyond its limit
#   make blocks [ARGS=--help]  what blocks cost
#   make sharing [ARGS=--help] what it costs to share limits with other machines
#   make floods [ARGS=--help]  200,000 refused requests, and what the journal has of them
#   make tampering [ARGS=--help] 1,000 tamperings with a journal, each of which must be found
#   make history [ARGS=--help] a start with a million old changes in the control log
#   make api [ARGS=--help]     the admin API, by thousands of calls made up from its own document
#   make fleet [ARGS=--help]   from an order on one machine to every worker of two
#   make pushes [ARGS=--help]  1,000 pushes of rules under load: nothing fails
#   make overload [ARGS=--help] five times the load that a model can take
#   make shared [ARGS=--help]  one limit on two machines, while the store between them is well, and while it is not
#   make places [ARGS=--help]  how many are in progress at once on two machines together, likewise
#   make load [ARGS=--help]    the guard beside Envoy, nginx and a prototype
#   make users HOST=http://…   realistic users against a running guard
#   make wheel                 dist/guard_gateway-….whl
#   make install PREFIX=DIR    a virtual environment in DIR with that wheel and what it needs
#   make clean                 removes all that was made here

PYTHON ?= python3
ARGS ?=
PREFIX ?= /opt/guard
HOST ?= http://127.0.0.1:8080

BIN := .venv/bin
PIP := -m pip --quiet --quiet --disable-pip-version-check
WHEELS := --only-binary :all:

.DEFAULT_GOAL := check
.NOTPARALLEL:
.DELETE_ON_ERROR:
.PHONY: demo test slow lint types check format fuzz mixed attacks tampering kills faults cost blocks floods history fleet pushes hotkey shared places sharing api overload load users wheel install clean

demo: .venv/.run
	@$(BIN)/guard demo $(ARGS)

# The suite starts a hundred interpreters; each would compile everything anew where bytecode may not be kept.
test: export PYTHONDONTWRITEBYTECODE :=
test: .venv/.test
	@$(BIN)/python -m pytest --quiet $(ARGS)

slow: export PYTHONDONTWRITEBYTECODE :=
slow: .venv/.test
	@$(BIN)/python -m pytest --quiet -m slow $(ARGS)

lint: .venv/.test
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check . || { echo "make format mends the layout" >&2; exit 1; }
	@$(BIN)/lint-imports --no-logo > .venv/imports.txt || { cat .venv/imports.txt >&2; exit 1; }

types: .venv/.test
	@$(BIN)/mypy --no-error-summary

check: lint types test slow

format: .venv/.test
	@$(BIN)/ruff check --quiet --fix .
	@$(BIN)/ruff format --quiet .

fuzz: .venv/.fuzz
	@$(BIN)/python -m loadtests.fuzz $(ARGS)

mixed: .venv/.test
	@$(BIN)/python -m loadtests.mixed $(ARGS)

attacks: .venv/.test
	@$(BIN)/python -m loadtests.attacks $(ARGS)

kills: .venv/.test
	@$(BIN)/python -m loadtests.kills $(ARGS)

faults: .venv/.test
	@$(BIN)/python -m loadtests.faults $(ARGS)

cost: .venv/.load
	@$(BIN)/python -m loadtests.cost $(ARGS)

history: .venv/.test
	@$(BIN)/python -m loadtests.history $(ARGS)

api: .venv/.test
	@$(BIN)/python -m loadtests.api $(ARGS)

fleet: .venv/.test
	@$(BIN)/python -m loadtests.fleet $(ARGS)

hotkey: .venv/.test
	@$(BIN)/python -m loadtests.hotkey $(ARGS)

blocks: .venv/.test
	@$(BIN)/python -m loadtests.blocks $(ARGS)

floods: .venv/.test
	@$(BIN)/python -m loadtests.floods $(ARGS)

tampering: .venv/.test
	@$(BIN)/python -m loadtests.tampering $(ARGS)

pushes: .venv/.test
	@$(BIN)/python -m loadtests.pushes $(ARGS)

overload: .venv/.test
	@$(BIN)/python -m loadtests.overload $(ARGS)

shared: .venv/.test
	@$(BIN)/python -m loadtests.shared $(ARGS)

places: .venv/.test
	@$(BIN)/python -m loadtests.places $(ARGS)

sharing: .venv/.load
	@$(BIN)/python -m loadtests.sharing $(ARGS)

load: .venv/.load
	@$(BIN)/python -m loadtests.compare $(ARGS)

users: .venv/.load
	@$(BIN)/locust --host "$(HOST)" $(ARGS)

wheel: .venv/.new
	@rm -rf dist
	@$(BIN)/python $(PIP) wheel $(WHEELS) --no-deps --wheel-dir dist .

install: wheel
	@"$(PYTHON)" -m venv "$(PREFIX)"
	@"$(PREFIX)/bin/python" $(PIP) install $(WHEELS) dist/*.whl

clean:
	@rm -rf .venv dist build .fuzz .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps: an environment, then the project in it with one set of extras each.

.venv/.new:
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "guard needs Python 3.11 or later; name one: make PYTHON=/path/to/python3" >&2; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2> /dev/null || \
		{ echo "$(PYTHON) cannot make virtual environments (no ensurepip): install python3-venv, or name another Python:" \
		"make PYTHON=/path/to/python3" >&2; exit 1; }
	@"$(PYTHON)" -m venv --clear .venv
	@touch $@

.venv/.run: EXTRAS :=
.venv/.test: EXTRAS := [test]
.venv/.fuzz: EXTRAS := [fuzz]
.venv/.load: EXTRAS := [load]
.venv/.run .venv/.test .venv/.fuzz .venv/.load: .venv/.new pyproject.toml
	@echo "Setting up .venv (once, and after pyproject.toml changes)" >&2
	@$(BIN)/python $(PIP) install $(WHEELS) --editable '.$(EXTRAS)'
	@touch $@
