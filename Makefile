PYTHON ?= python3
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help setup serve train test test-slow check bench

help:  ## print the targets
	@grep -hE '^[a-z][a-z-]*:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "make %-12s %s\n", $$1, $$2}'

setup: .venv/ready  ## make .venv with everything pinned

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

serve: .venv/ready  ## train the default model if the store has none, serve on http://127.0.0.1:8000
	@$(BIN)/python -m training --if-empty
	@exec $(BIN)/python -m service

train: .venv/ready  ## train and publish a new version; DATA=file.csv TARGET=column NAME=model ARGS="..."
	@$(BIN)/python -m training $(if $(DATA),--data '$(DATA)') $(if $(TARGET),--target '$(TARGET)') $(if $(NAME),--name '$(NAME)') $(ARGS)

test: .venv/ready  ## run the tests, all but the slow ones; ARGS="-k ..." passes through
	$(BIN)/pytest -q $(ARGS)

test-slow: .venv/ready  ## run the tests marked slow
	$(BIN)/pytest -q -m slow $(ARGS)

check: .venv/ready  ## format, lint, types (strict), import walls
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/ready  ## measure beside bare uvicorn, FastAPI and stock LitServe in one run
	$(BIN)/python -m tests.bench $(ARGS)
