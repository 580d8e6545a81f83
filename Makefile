# Two commands on a fresh machine: `make demo` and `make test`. Everything else is here for daily work.
VENV := .venv
PY := $(VENV)/bin/python
HOSTS ?= 3
# Many tests mostly wait: more workers than cores.
WORKERS ?= 3

.DEFAULT_GOAL := help
.PHONY: help demo demo-down lab check lint test soak bench docs lock environment tools

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1 \2/p' Makefile | awk '{ printf "  %s %-10s", $$1, $$2; $$1 = $$2 = ""; print $$0 }'

demo: environment ## three hosts on this machine, and a cluster on them (root, Linux); again: nothing changes
	@$(PY) -m tests.lab.demo --hosts $(HOSTS)

demo-down: environment ## remove the demo's hosts, with all that was set up for them
	@$(PY) -m tests.lab down

lab: environment ## only the hosts, the mirror and the registry: make lab HOSTS=4
	@$(PY) -m tests.lab up --hosts $(HOSTS)

check: lint tools ## the fast part: lint, types, import contracts, unit and screen tests but for the slow ones
	@$(PY) -m pytest -q -n $(WORKERS) -m "not slow" $(wildcard tests/screens tests/unit)

test: lint tools ## everything, with real hosts (root, Linux)
	@$(PY) -m tests.lab build --all --if-possible
	@$(PY) -m pytest -n $(WORKERS) -m "not soak" $(wildcard tests/lab tests/screens tests/unit)

soak: environment ## long runs on real hosts that make test leaves out; their results go into docs/soak.md
	@$(PY) -m tests.lab build --all
	@$(PY) -m pytest -s -m soak tests/lab

lint: environment
	@$(PY) -m ruff check --quiet .
	@$(PY) -m ruff format --check --quiet . || { echo "not formatted: .venv/bin/ruff format"; exit 1; }
	@$(PY) -m mypy --no-error-summary
	@$(VENV)/bin/lint-imports --no-logo > $(VENV)/lint-imports.log || { cat $(VENV)/lint-imports.log; exit 1; }

bench: environment ## measure against the peers: make bench ONLY=w1,cluster,rehearse,start
	@packaging/environment.sh .venv-bench packaging/requirements-bench.txt
	@$(PY) -m tests.bench $(if $(ONLY),--only $(ONLY))

docs: environment ## write docs/answers.md and docs/coverage.md again, from the types and the tests
	@$(PY) -m tests.docs

pyz: environment ## dist/kinstall.pyz, one file that needs only Python: make pyz PLATFORMS=all
	@packaging/environment.sh .venv-pyz packaging/requirements-pyz.txt
	@.venv-pyz/bin/python packaging/pyz.py $(if $(PLATFORMS),--platforms $(PLATFORMS))

lock: environment ## resolve the dependencies of pyproject.toml again into packaging/requirements*.txt
	@packaging/lock.sh $(PY)

environment:
	@packaging/environment.sh $(VENV) packaging/requirements-dev.txt

tools:
	@packaging/tools.sh
