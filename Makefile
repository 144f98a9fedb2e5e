# Everything a contributor types. `make help` lists it.
.DEFAULT_GOAL := help
.PHONY: help setup demo up down test check unit lint format bench lock clean

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# The search index of the demonstration and of the local stack: embedded or elastic.
INDEX_OPTION := $(if $(INDEX),--index $(INDEX))
# Bytecode is worth its space: without it every worker compiles its libraries at each start.
unexport PYTHONDONTWRITEBYTECODE

help: ## Show this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

setup: $(READY) ## Make the virtual environment from the hashed requirements

$(READY): requirements/dev.txt requirements/musicnn.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11 ..."; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	# Its weights only, which are read without its code: it asks for a numpy of 2019.
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements/musicnn.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

demo: setup ## Start everything, ingest the Tux Paint stamps, search them (INDEX=elastic, ARGS=--once)
	$(BIN)/triptych demo $(INDEX_OPTION) $(ARGS)

up: setup ## Start the local stack, with Elasticsearch (INDEX=embedded, ARGS="--port 9000 --detach")
	$(BIN)/triptych up $(INDEX_OPTION) $(ARGS)

down: setup ## Stop a detached local stack
	$(BIN)/triptych down $(ARGS)

test: setup ## Run every test against the real stack it starts itself (ARGS="-k name")
	$(BIN)/python -m pytest $(ARGS)

check: lint unit ## The quick path: linters, types, import rules, unit tests

unit: setup
	$(BIN)/python -m pytest -q tests/unit -n auto --maxprocesses=4 --dist loadfile

lint: setup ## Ruff, mypy strict, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup ## Format the code
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

bench: setup ## Measure, one JSON object a line (ARGS="--only search")
	$(BIN)/python -m tests.bench $(ARGS)

lock: setup ## Resolve the hashed requirements anew
	for extra in cli gateway image text audio fusion asr ocr full dev; do \
		case $$extra in image|text|audio|fusion|asr|ocr) more="--extra queues";; *) more=;; esac; \
		$(BIN)/uv pip compile -q pyproject.toml --extra $$extra $$more --universal --python-version 3.11 \
			--generate-hashes --no-header --no-emit-index-url -o requirements/$$extra.txt; \
	done
	echo musicnn==0.1.0 | $(BIN)/uv pip compile -q - --no-deps \
		--generate-hashes --no-header --no-emit-index-url -o requirements/musicnn.txt

clean: ## Remove the virtual environment and caches of tools
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis dist
