# Everything a contributor types. `make help` lists it.
.DEFAULT_GOAL := help
.PHONY: help setup demo up down secrets test images check unit lint format pictures bench chaos fuzz lock clean

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Not empty when PYTHON is set and .venv is of another version: then .venv is made anew.
ifneq ($(origin PYTHON),file)
OTHER_PYTHON := $(shell test -x $(BIN)/python && \
	test "$$($(BIN)/python -V)" != "$$($(PYTHON) -V)" && echo other-python)
endif
# The search index of the demonstration and of the local stack: embedded or elastic.
INDEX_OPTION := $(if $(INDEX),--index $(INDEX))
# Bytecode is worth its space: without it every worker compiles its libraries at each start.
unexport PYTHONDONTWRITEBYTECODE

UNIT := $(BIN)/python -m pytest -q tests/unit -n auto --maxprocesses=4 --dist loadfile

help: ## Show this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

setup: $(READY) ## Make the virtual environment from the hashed requirements

$(READY): requirements/dev.txt requirements/musicnn.txt pyproject.toml $(OTHER_PYTHON)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11 ..."; exit 2; }
	$(if $(OTHER_PYTHON),@echo "$(VENV) is of another Python than $(PYTHON): it is made anew")
	$(if $(OTHER_PYTHON),rm -rf $(VENV))
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

secrets: ## Make the passwords of docker-compose.yml, in .env
	@$(PYTHON) deploy/make_secrets.py

test: setup ## Run every test against the real stack it starts itself (ARGS="-k name")
	$(BIN)/python -m pytest $(ARGS)

images: setup ## Run each container image's process in an environment of exactly its lock
	$(BIN)/python -m pytest tests/images $(ARGS)

check: lint ## The quick path: linters, types, import rules, unit tests but for those of encoders
	$(UNIT) --ignore tests/unit/encoders

unit: setup ## Run every unit test
	$(UNIT)

lint: setup ## Ruff, mypy strict, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: other-python
other-python:

format: setup ## Format the code
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

chaos: setup ## Break what can break, in the middle of the work (ARGS="--only killed_workers --items 1000")
	PYTHONPATH=tests $(BIN)/python -m chaos $(ARGS)

fuzz: setup ## Damage pictures and sounds, and decode them (ARGS="--cases 100000")
	PYTHONPATH=tests $(BIN)/python -m fuzz $(ARGS)
	PYTHONPATH=tests $(BIN)/python -m unit.media.fuzzing $(ARGS)

pictures: setup ## Make the pictures of the documentation anew, in a real browser
	TRIPTYCH_PICTURES=docs/images $(BIN)/python -m pytest tests/browser/test_pictures.py $(ARGS)

bench: setup ## Measure, one JSON object a line (ARGS="--only search")
	$(BIN)/python -m tests.bench $(ARGS)

lock: setup ## Resolve the hashed requirements anew
	# dev first: the others begin as copies of it, so that all pin one version of a library.
	for extra in dev cli gateway image text audio fusion asr ocr formats full train; do \
		case $$extra in image|text|audio|fusion|asr|ocr|formats|train) more="--extra queues";; *) more=;; esac; \
		test $$extra = dev || cp requirements/dev.txt requirements/$$extra.txt; \
		$(BIN)/uv pip compile -q pyproject.toml --extra $$extra $$more --universal --python-version 3.11 \
			--generate-hashes --no-header --no-emit-index-url -o requirements/$$extra.txt; \
	done
	echo musicnn==0.1.0 | $(BIN)/uv pip compile -q - --no-deps \
		--generate-hashes --no-header --no-emit-index-url -o requirements/musicnn.txt

clean: ## Remove the virtual environment and caches of tools
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis dist
