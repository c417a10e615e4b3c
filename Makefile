# The whole set-up: `make run` serves Roost with its sample, `make test` checks everything.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SOURCES := schema resolvers realtime loaders infra tests

.DEFAULT_GOAL := help
.PHONY: help run test lint types unit bench soak pages browser prometheus servers pins clean

help:  ## Say what can be made
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 14

run: $(VENV)/.run pages  ## Serve with the bundled sample, which the first start loads
	@$(BIN)/roost sample
	@exec $(BIN)/roost serve

test: $(VENV)/.test pages browser prometheus servers lint types unit  ## Check everything: style, types, tests, real servers, browser

lint: $(VENV)/.test  ## Check style and the import rule
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/lint-imports

types: $(VENV)/.test  ## Check types
	$(BIN)/mypy

unit: $(VENV)/.test  ## Run the tests
	$(BIN)/python -m pytest --durations=25 --durations-min=5

bench: $(VENV)/.test  ## Measure, each figure beside its floor
	$(BIN)/roost bench

soak: $(VENV)/.test  ## Run faults from a seed, the properties and the crashes for long
	TEST_SOAK_SEED=$${TEST_SOAK_SEED:-$$(shuf -i 1-999999 -n 1)} TEST_SOAK_FAULTS=$${TEST_SOAK_FAULTS:-400} \
		$(BIN)/python -m pytest tests/soak/test_soak.py tests/soak/cluster_soak.py
	TEST_HYBRID_EXAMPLES=4000 TEST_KILLS=200 TEST_CLUSTER_EXAMPLES=100 TEST_CLUSTER_SEAM_EVENTS=1000 $(BIN)/python -m pytest tests/properties \
		tests/flows/test_kill.py tests/cluster/test_hybrid_equals_naive.py tests/cluster/test_resume_at_the_seam.py \
		tests/cluster/test_kills.py

pages: $(VENV)/.run
	@$(BIN)/python -m infra.web.build

# Debian's browser, where this may be installed; elsewhere the browser's tests say why they skip.
browser:
	@if [ ! -x /usr/bin/chromedriver ] && command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
		{ apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium chromium-driver \
			fonts-noto-color-emoji >/dev/null; } || echo "No browser could be installed: its tests will skip"; fi

# Debian's Prometheus, likewise; where there is systemd, the server that the package starts is stopped again.
prometheus:
	@if [ ! -x /usr/bin/promtool ] && command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
		{ apt-get update -qq && apt-get install -y -qq --no-install-recommends prometheus >/dev/null && \
			if [ -d /run/systemd/system ]; then systemctl disable --now prometheus; fi; } \
			|| echo "No Prometheus could be installed: the tests of metrics and alerts will skip"; fi

# What the real servers run on, kept in ~/.cache/roost; where it cannot be had, their tests say why they skip.
servers: $(VENV)/.run
	@$(BIN)/python -m infra.stack.fetch || echo "Not all real servers can be had: the tests of those missing will skip"

$(VENV)/.run: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Roost needs Python 3.11 or newer; say make PYTHON=...") if sys.version_info < (3, 11) else None'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.test: $(VENV)/.run requirements-dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

pins:  ## Pin the newest versions that pyproject.toml allows (needs uv)
	uv pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11 \
		pyproject.toml requirements.in -o requirements.txt
	uv pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11 \
		pyproject.toml requirements.in requirements-dev.in -o requirements-dev.txt

clean:  ## Remove what was made, but for the data folder
	rm -rf $(VENV) infra/web/live/dist infra/web/graphiql/dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
