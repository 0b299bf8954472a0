# Every target makes its own .venv when there is none: uv where it is at hand, else venv and pip.
.DEFAULT_GOAL := help
.PHONY: help demo test test-fake-redis test-kafka lint format types bench docs wheel up down clean

BIN := .venv/bin
export PYTHON

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 18

.venv/.complete: pyproject.toml scripts/venv.sh
	@sh scripts/venv.sh

demo: .venv/.complete  ## the main job, live, on embedded servers
	@$(BIN)/docstore demo

test: .venv/.complete  ## the whole test suite, on embedded servers
	@$(BIN)/python -m pytest -n auto

test-fake-redis: .venv/.complete  ## what touches Redis, on the Redis in Python
	@DOCSTORE_TEST_REDIS=fake $(BIN)/python -m pytest -n auto tests/cache tests/clients/test_redis.py tests/clients/test_protocols.py tests/workers/test_ratings.py tests/workers/test_whole_path.py tests/test_store.py

test-kafka: .venv/.complete  ## what needs a real Apache Kafka, on one from its jars (Java 17 and Maven)
	@$(BIN)/python -m pytest -m kafka

lint: .venv/.complete  ## ruff, its formatter, and the direction of imports
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports

format: .venv/.complete  ## rewrite the files as the formatter wants them
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

types: .venv/.complete  ## mypy, strict
	@$(BIN)/mypy

bench: .venv/.complete  ## benchmarks, side by side with what else one would pick
	@$(BIN)/python -m benchmarks

docs: .venv/.complete  ## the documentation as a site, in site/
	@$(BIN)/python -m mkdocs build --strict --quiet

wheel: .venv/.complete  ## dist/docstore-*.whl
	@$(BIN)/python -m build --wheel --outdir dist .

up:  ## MongoDB, Redis and Kafka in Docker
	@docker compose up --detach --wait

down:  ## stop them; the data stays in its volumes
	@docker compose down

clean:  ## remove what was made here
	@rm -rf .venv dist site .pytest_cache .mypy_cache .ruff_cache .hypothesis
