SHELL := /bin/bash
BIN := .venv/bin

.PHONY: demo test test-slow check set-up lock kfp-tools deploy-tools

demo: set-up  ## Set-up and the main job: clips to a served captioning model.
	$(BIN)/kinescribe demo

test: set-up check  ## Set-up, the static checks and the tests.
	$(BIN)/pytest -n 2 --dist worksteal -m "not slow"

test-slow: set-up  ## The long checks: fuzzing, kills, many seeds.
	$(BIN)/pytest -n 2 -m slow --timeout 3600

check: set-up  ## Format, lint, import order, types.
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/lint-imports --no-logo >/dev/null || $(BIN)/lint-imports
	$(BIN)/mypy --no-error-summary

set-up:
	@.ci/set-up

lock: set-up  ## Resolves requirements.in anew, keeping what still fits.
	$(BIN)/uv pip compile requirements.in --quiet --python-version 3.10 --no-header \
	  --no-annotate --no-emit-index-url -o requirements.lock

deploy-tools: set-up  ## Checkers of deployment files, and an S3 server: tests/support/deploy_tools.py.
	@.ci/deploy-tools

kfp-tools: set-up  ## Kubeflow's own packages beside, for tests/kubeflow/test_kfp.py.
	$(BIN)/uv venv --quiet --python $(BIN)/python .venv-kfp
	$(BIN)/uv pip sync --quiet --python .venv-kfp/bin/python .ci/kfp-tools.lock
