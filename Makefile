# Each target sets up .venv on first use, from the lock; after that nothing asks the network. The lock
# is complete, so nothing is looked up beside it: a release of tomorrow changes nothing (`--no-deps`).
# Another Python: make PYTHON=python3.12 test

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup demo test interop check bench torture fuzz format messages schema lock clean

PYTHON ?= $(shell for name in python3.13 python3.12 python3.11 python3 python; do \
	if "$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
	then echo "$$name"; break; fi; done)
BIN := .venv/bin
STAMP := .venv/.installed

help: ## what can be made
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/make \1\t\2/' | expand -t 16

setup: $(STAMP) ## the environment in .venv, from the lock

$(STAMP): requirements.lock pyproject.toml
	@if [ -z "$(PYTHON)" ]; then \
		echo "notifier needs Python 3.11 or later, and none was found." >&2; \
		echo "next: install it (apt install python3, or python.org), or name it: make PYTHON=/path/to/python3 $(MAKECMDGOALS)" >&2; \
		exit 2; \
	fi
	@if [ ! -x $(BIN)/python ]; then \
		echo "Setting up .venv (once; a minute or two) ..."; \
		"$(PYTHON)" -m venv .venv || { \
			echo "next: on Debian and Ubuntu: apt install python3-venv" >&2; exit 2; }; \
	fi
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
	@$(BIN)/python -m pip check --quiet --disable-pip-version-check
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(STAMP)

demo: $(STAMP) ## three sample campaigns through the sandbox, and what became of every row
	@$(BIN)/notifier demo

test: $(STAMP) ## the tests, with what they cover
	@# Compiled once, and not anew by each of the processes that the tests start.
	env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m pytest --cov --cov-report=term

interop: $(STAMP) ## 1,000 messages each through real Postfix, Exim and OpenSMTPD (Debian, as root)
	$(BIN)/python tests/unpack_servers.py
	timeout 900 $(BIN)/python -m pytest -rPs tests/integration/test_mail_servers.py

check: $(STAMP) ## lint, format, types, layers, catalogues, schema
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tools/messages.py --check
	$(BIN)/python tools/schema.py --check

bench: $(STAMP) ## the figures: speed and size, side by side with what others do
	$(BIN)/python tests/benchmarks/run.py

torture: $(STAMP) ## real runs killed at random instants, then compared with what arrived: ROUNDS (20), SEED
	$(BIN)/python tests/acceptance/torture/run.py --rounds $(or $(ROUNDS),20) --jobs 2 $(if $(SEED),--seed $(SEED)) $(TORTURE)

fuzz: $(STAMP) ## parsers and protocol against whatever bytes there are, for FUZZ_SECONDS (60)
	$(BIN)/python tests/fuzz/run.py $(TARGETS)

format: $(STAMP) ## format and mend what can be mended
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

messages: $(STAMP) ## bring the catalogues (notifier/locale) in step with the code
	$(BIN)/python tools/messages.py

schema: $(STAMP) ## write campaigns/campaign.schema.json anew
	$(BIN)/python tools/schema.py

lock: ## resolve requirements.lock anew (asks the network)
	$(PYTHON) tools/lock.py

clean: ## remove what was made, .venv included
	rm -rf .venv .benchmarks dist build .coverage .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .fuzz
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
