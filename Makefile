# Every target does what it needs first and can be repeated. ARGS goes to the command: make up ARGS="--port 9000"
.DEFAULT_GOAL := help
.PHONY: help setup up demo test proof bench gpu check constraints clean

venv   := .venv
bin    := $(venv)/bin
# The first Python that is new enough, wherever it is.
python := $(shell for name in python3.11 python3 python3.12 python3.13; do \
            $$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && command -v $$name && break; done)
# What the tests call, and the Debian package that brings it.
tools  := curl:curl chromium:chromium promtool:prometheus prometheus-alertmanager:prometheus-alertmanager \
          redis-server:redis-server rabbitmq-server:rabbitmq-server
pip    := $(bin)/python -m pip -qq --disable-pip-version-check --no-input --retries 10

help: ## what there is
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(venv)/.serving ## the serving environment in .venv: no torch, no test tools

up: $(venv)/.serving ## everything on this machine, under one supervisor; Ctrl-C stops it
	@$(bin)/handrail up $(ARGS)

demo: $(venv)/.serving ## five conversations through the gateway
	@$(bin)/handrail demo --own $(ARGS)

test: $(venv)/.test ## all tests
	@$(bin)/python -m pytest -q $(ARGS)

proof: $(venv)/.test ## the long runs, hours in all; results go to docs/proof
	@$(bin)/python -m pytest -q --timeout=0 tests/proof $(ARGS)

bench: $(venv)/.test ## what scoring costs on this CPU; the result goes to docs/proof
	@$(bin)/python -m detectors.benchmarks.cpu $(ARGS)

gpu: $(venv)/.test ## what scoring costs on a CUDA card, after comparing its scores with the CPU's
	@$(bin)/python -m detectors.benchmarks.gpu $(ARGS)

check: $(venv)/.test ## lint, format and types
	@$(bin)/ruff check .
	@$(bin)/ruff format --check --quiet . || { echo "some files are not formatted; format them with: $(bin)/ruff format ."; exit 1; }
	@$(bin)/mypy

constraints: $(venv)/.test ## writes constraints.txt anew, from what .venv holds, with all extras
	@$(pip) install --constraint constraints.txt --editable ".[test,torch]"
	@{ echo "# Exact versions of everything that was tested together. Written by: make constraints"; \
	   { $(bin)/python -m pip freeze --exclude-editable | grep -vE '^(handrail|torch)\b'; echo "torch==2.13.0"; } | LC_ALL=C sort -f; } > constraints.new
	@mv constraints.new constraints.txt

clean: ## removes what was built; the data folder .handrail stays
	@rm -rf $(venv) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# What Debian packages lack is installed where that is allowed, else said at once. 1: what is missing, 2: why.
define install
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	   echo "installing $(1)"; DEBIAN_FRONTEND=noninteractive; export DEBIAN_FRONTEND; \
	   apt-get update -qq && apt-get install -y -qq --no-install-recommends $(1) >/dev/null; \
	else echo "$(2); run: sudo apt-get install $(1)"; exit 1; fi
endef

$(venv)/.python:
	@test -n "$(python)" || { echo "Handrail needs Python 3.11 or later; on Debian 12: apt-get install python3 python3-venv"; exit 1; }
	@$(python) -c 'import ensurepip, venv' 2>/dev/null || { $(call install,python3-venv,Python's venv module is missing); }
	@test -x $(bin)/python && $(bin)/python -m pip --version >/dev/null 2>&1 || $(python) -m venv --clear $(venv)
	@touch $@

$(venv)/.serving: $(venv)/.python pyproject.toml constraints.txt
	@echo "setting up $(venv) (a minute or two, once)"
	@$(pip) install --constraint constraints.txt --editable .
	@touch $@

$(venv)/.test: $(venv)/.serving
	@missing=; for tool in $(tools); do \
	   PATH="$$PATH:/usr/sbin:/sbin" command -v $${tool%%:*} >/dev/null || missing="$$missing $${tool##*:}"; done; \
	 test -z "$$missing" || { $(call install,$$missing,The tests call what is not here); }
	@echo "adding what the tests need to $(venv)"
	@$(pip) install --constraint constraints.txt --editable ".[test]" torch transformers onnx
	@touch $@
