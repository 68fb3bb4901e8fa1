# Everything a person does with this repository. `make` alone lists it.

SHELL := /bin/bash -o pipefail
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
ARGS ?=
# One more than two cores: some tests wait for servers.
WORKERS ?= 3

# Each stage of the set-up leaves a stamp that carries the hash of what it installed: nothing changed, nothing done.
hash = $(shell cat $(1) 2>/dev/null | sha256sum | cut -c1-16)
LOCKED := $(VENV)/.locked-$(call hash,requirements.lock)
CHECKERS := $(VENV)/.checkers-$(call hash,requirements-dev.lock)
PROJECT := $(VENV)/.project-$(call hash,pyproject.toml)
WEIGHTS := $(VENV)/.weights-$(call hash,model/weights.lock.json)

.DEFAULT_GOAL := help
.PHONY: help setup run airflow test test-containers acceptance lint format paperwork images clean

help: ## list these commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-15s %s\n", $$1, $$2 }'

setup: $(LOCKED) $(PROJECT) $(WEIGHTS) ## create .venv, install the locked requirements and the project, fetch the weights

run: setup ## run the main job (ARGS="--photos DIR --set train.effort=0.5")
	@$(BIN)/withanyone run $(ARGS)

airflow: setup ## start Airflow with its DAGs on this machine, on PostgreSQL and the loopback; prints URL and login
	@bash .ci/system psql=postgresql
	@$(BIN)/python -m dags.servers $(ARGS)

test: setup $(CHECKERS) ## run the tests (ARGS="tests/model -k name", WORKERS=3)
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile $(ARGS)

test-containers: setup $(CHECKERS) ## run the whole pipeline in its containers, where podman can be had (BASE=image)
	@BASE=$(BASE) tests/acceptance/containers.sh

acceptance: ## prove `make run` and `make test` in a clean container (BASE=image with Python 3.11, git and make)
	@tests/acceptance/clean_container.sh $(BASE)

lint: setup $(CHECKERS) ## check style, types and the direction of imports
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@PYTHONPATH=. $(BIN)/lint-imports --no-logo

format: $(CHECKERS) ## put the code in its one format and mend what can be mended
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

paperwork: setup ## derive the tables in the steps' READMEs and the locks of their images from the code
	@$(BIN)/python -m components.paperwork

images: ## build every step's image with podman or docker (BASE=image, STEPS="curation training")
	@BASE=$(BASE) components/build.sh $(STEPS)

clean: ## remove the environment and the tools' caches, never runs or data
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@bash .ci/system
	$$(command -v python3.11 || command -v python3) -m venv --clear $(VENV)

# The first line lets torch bring the CUDA libraries its wheel asks for, where it is one that does.
$(LOCKED): | $(BIN)/python
	@echo "installing the locked requirements: about 3 GB, a few minutes"
	$(PIP) install --quiet --constraint requirements.lock torch
	$(PIP) install --quiet --no-deps --use-pep517 --requirement requirements.lock
	@rm -f $(VENV)/.locked-* && touch $@

$(CHECKERS): | $(BIN)/python
	$(PIP) install --quiet --no-deps --use-pep517 --requirement requirements-dev.lock
	@rm -f $(VENV)/.checkers-* && touch $@

$(PROJECT): $(LOCKED)
	$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@rm -f $(VENV)/.project-* && touch $@

$(WEIGHTS): $(PROJECT)
	$(BIN)/withanyone weights
	@rm -f $(VENV)/.weights-* && touch $@
