# The developer interface: every command a person or the CI needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUNTIME := $(VENV)/.installed
DEV := $(VENV)/.installed-dev
EXECUTION := tests/graph/execution
FUZZED := tests/db/test_property_paging.py $(EXECUTION)/test_same_answers.py $(EXECUTION)/test_small_schema.py

.PHONY: help setup run test pages test-benchmarks test-fallback coverage clients fuzz soak check format schema bench bench-cache bench-vocabulary bench-jobs bench-parallel bench-exports bench-imports bench-uploads bench-subscriptions bench-limits bench-doors bench-checklist faults clean

help: ## List the commands.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

setup: $(DEV) ## Install everything, for running and developing, into .venv.

run: $(RUNTIME) ## Start the server with its own PostgreSQL and demo data.
	@$(BIN)/appointment360 serve --demo

test: $(DEV) ## Run the test suite.
	@$(BIN)/pytest -n auto --dist worksteal

check: $(DEV) ## Lint, types, import contracts, the schema snapshot, known vulnerabilities.
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/appointment360 schema --check
	@.ci/audit $(VENV) requirements.lock

format: $(DEV) ## Format the code and sort the imports.
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

schema: $(RUNTIME) ## Write schema.graphql from the code.
	@$(BIN)/appointment360 schema

bench: $(DEV) ## Measure against limits and peers (ROUNDS= SECONDS= SERVERS= OUT= CHART=).
	@$(BIN)/python -m benchmarks.run $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(SECONDS),--seconds $(SECONDS)) \
		$(if $(SERVERS),--servers $(SERVERS)) $(if $(OUT),--out $(OUT)) $(if $(CHART),--chart $(CHART))

soak: $(DEV) ## Tell how the memory of a loaded server grows; race a million operations (RACES=).
	@$(BIN)/python -m benchmarks.soak
	@$(BIN)/pytest -s tests/races/test_race.py --races $(or $(RACES),1000000)

bench-cache: $(DEV) ## Tell what hits, misses and invalidation cost (ROUNDS= SECONDS=).
	@$(BIN)/python -m benchmarks.cache $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(SECONDS),--seconds $(SECONDS))
	@$(BIN)/python -m benchmarks.cache_stores

bench-vocabulary: $(DEV) ## Time deep pages, filters, counts and groups on a million contacts.
	@$(BIN)/python -m benchmarks.vocabulary

faults: $(DEV) ## Break answers, transactions, workers, servers often (RETRIES= CUTS= KILLS= OUTAGES= DRAINS=).
	@$(BIN)/pytest tests/graph/test_lost_answers.py tests/jobs/test_cuts.py tests/app/test_work.py \
		tests/jobs/test_imports.py \
		--retries $(or $(RETRIES),10000) --cuts $(or $(CUTS),1000) --kills $(or $(KILLS),10) \
		--import-kills $(or $(IMPORT_KILLS),50) --import-rows $(or $(IMPORT_ROWS),100000)
	@$(BIN)/pytest tests/app/test_upload_faults.py --kills $(or $(UPLOAD_KILLS),17)
	@$(BIN)/pytest -s tests/races/test_faults.py --outages $(or $(OUTAGES),20)
	@$(BIN)/pytest -s tests/app/test_drain.py --drains $(or $(DRAINS),20)

bench-jobs: $(DEV) ## Time jobs: from made to begun, a thousand at once, taken over after a kill.
	@$(BIN)/python -m benchmarks.jobs

bench-parallel: $(DEV) ## Time CPU work in processes, and how long it holds up the event loop.
	@$(BIN)/python -m benchmarks.parallel

bench-exports: $(DEV) ## Time exports of a million rows beside psql, and count on slow readers (ROUNDS=).
	@$(BIN)/python -m benchmarks.exports $(if $(ROUNDS),--rounds $(ROUNDS))

bench-imports: $(DEV) ## Time imports of a million rows beside psql, and a web process meanwhile (ROWS=).
	@$(BIN)/python -m benchmarks.imports $(if $(ROWS),--rows $(ROWS))

bench-uploads: $(DEV) ## Time a gigabyte by tus beside a plain copy (ROUNDS=).
	@$(BIN)/python -m benchmarks.uploads $(if $(ROUNDS),--rounds $(ROUNDS))

bench-subscriptions: $(DEV) ## Tell the memory of 200 idle subscriptions.
	@$(BIN)/python -m benchmarks.subscriptions

bench-doors: $(DEV) ## Tell what tokens, limits, costs and headers take of a request (ROUNDS= SECONDS=).
	@$(BIN)/python -m benchmarks.doors $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(SECONDS),--seconds $(SECONDS))

bench-checklist: $(DEV) ## Tell what good habits save: bytes, statements, processor time (ROUNDS=).
	@$(BIN)/python -m benchmarks.checklist $(if $(ROUNDS),--rounds $(ROUNDS))

bench-limits: $(DEV) ## Time hostile documents, and light queries beside them (ROUNDS=).
	@$(BIN)/python -m benchmarks.limits $(if $(ROUNDS),--rounds $(ROUNDS))

clients: $(DEV) ## Use a server by the clients that people use, under Python and Node (installs the latter).
	@.ci/clients $(VENV)/clients
	@$(BIN)/pytest -rs tests/clients --slow

pages: $(DEV) ## Import files in a browser (needs Chromium on PATH).
	@$(BIN)/pytest -rs tests/pages --slow

test-benchmarks: $(DEV) ## Test that the benchmarks measure what they say.
	@$(BIN)/pytest tests/benchmarks --slow

test-fallback: $(DEV) ## Run the test suite with graphql-core executing everything.
	@ENABLE_COMPILED_EXECUTION=false $(BIN)/pytest -n auto

coverage: $(DEV) ## Run the test suite traced, and fail below what pyproject.toml asks for.
	@$(BIN)/coverage erase
	@$(BIN)/coverage run -m pytest -n auto --dist worksteal --hypothesis-profile=ci
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report --skip-covered --sort=cover

fuzz: $(DEV) ## Try many random lists, operations, and requests by schemathesis (EXAMPLES=).
	@$(BIN)/pytest -n auto $(FUZZED) --examples $(or $(EXAMPLES),5000)
	@$(BIN)/pytest -n auto tests/fuzz --slow --examples $(or $(EXAMPLES),2000)

clean: ## Remove the virtual environment and the caches of the tools.
	@rm -rf $(VENV) build .coverage* .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis *.egg-info

$(VENV)/bin/python:
	@.ci/venv "$(PYTHON)" $(VENV)

$(RUNTIME): $(VENV)/bin/python requirements.lock pyproject.toml
	@.ci/install $(VENV) requirements.lock
	@touch $@

$(DEV): $(RUNTIME) requirements-dev.lock
	@.ci/install $(VENV) requirements-dev.lock
	@touch $@
