# The commands of this project. `make` lists them.
PYTHON ?= python3
STACK ?= dev
CLUSTER ?=
BIN := .venv/bin
SANDBOX := $(BIN)/python -m sandbox
WHERE := $(if $(CLUSTER),--cluster $(CLUSTER))
AGREED := $(if $(YES),--yes)
READY := .venv/.ready
PYTEST := $(BIN)/python -m pytest -n auto
STAND_INS_PASSED := $(BIN)/python -m tests.support.stand_in_record
LOCKED := --generate-hashes --no-emit-index-url --no-header --no-annotate --universal pyproject.toml

# One `up` starts five Pythons, and the tests start hundreds: each would compile the project again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup tools up preview open logs status down test-unit test test-real fuzz mutants golden lint bench bench-teams bench-real pictures links site generate released release lock clean

help: ## List the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

setup: $(READY) ## Install the locked dependencies into .venv
$(READY): requirements-dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; name one: make PYTHON=python3.11" >&2; exit 1; }
	@echo "Installing the locked dependencies into .venv"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

tools: setup ## Find, download or build the tools; ONLY="pulumi helm" limits them
	@$(SANDBOX) tools $(ONLY)

up: setup ## Deploy a stack: STACK=dev|staging|prod, CLUSTER=kind|node|simulated|<kubeconfig context>, YES=1 skips prompts
	@$(SANDBOX) up --stack $(STACK) $(WHERE) $(AGREED)

preview: setup ## Show the changes of the next `up`; UNCHANGED=1 fails on any
	@$(SANDBOX) preview --stack $(STACK) $(WHERE) $(AGREED) $(if $(UNCHANGED),--expect-no-changes)

open: setup ## Open Airflow's UI, and print the login
	@$(SANDBOX) open --stack $(STACK) $(WHERE)

logs: setup ## Follow the logs of all components, or of one: PART=scheduler
	@$(SANDBOX) logs --stack $(STACK) $(WHERE) $(PART)

status: setup ## Show the running stack and the state of each component
	@$(SANDBOX) status $(WHERE)

down: setup ## Remove the sandbox, or one stack: STACK=<name>; KEEP=1 stops the processes only
	@$(SANDBOX) down $(if $(filter command line,$(origin STACK)),--stack $(STACK)) $(WHERE) $(if $(KEEP),--keep)

test-unit: setup ## Run the tests without tools or cluster
	@$(PYTEST) tests/unit

test: lint tools ## Run every test that this machine can run; CI=1 adds those on real pods, STAND_INS=all unchanged stand-ins
	@echo "Tests without a cluster"
	@$(PYTEST) tests/unit tests/render tests/programs tests/sandbox --ignore tests/sandbox/engine
	@echo "Tests of the Pulumi engine, on one simulated cluster"
	@$(PYTEST) tests/engine $$($(STAND_INS_PASSED))
	@$(STAND_INS_PASSED) --passed
	@$(if $(CI),$(MAKE) --no-print-directory test-real)

test-real: setup ## Run end to end on real pods: DAGs, faults, clean removal
	@$(BIN)/python -m pytest tests/real -m real

golden: setup ## Rewrite the golden files with the current messages, all or those of TESTS=tests/unit/cli; review their diff
	@$(PYTEST) $(or $(TESTS),tests/unit tests/sandbox tests/programs --ignore tests/sandbox/engine) --snapshot-update

fuzz: setup ## Test 10,000 arbitrary configurations, stack files, URLs, refs and keys each
	@HYPOTHESIS_PROFILE=long $(BIN)/python -m pytest $(wildcard tests/unit/*/test_*_fuzz.py) --hypothesis-show-statistics -n auto

mutants: setup ## Change a sample of places, and list the changes that no unit test notices: N=300 SEED=1
	@$(BIN)/python -m tools.mutants --number $(or $(N),300) --seed $(or $(SEED),1)

lint: setup ## Check style, types, links and workflows
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy
	@$(BIN)/mypy components/__main__.py # a second module named __main__
	@$(BIN)/python -m tools.links
	@$(BIN)/zizmor --offline --quiet .github
	@$(BIN)/python -m sandbox.run_tool actionlint -shellcheck $(BIN)/shellcheck .github/workflows/*.yml template/.github/workflows/*.yml

bench: tools ## Measure import, preview and render times
	@$(BIN)/python -m tools.bench

bench-teams: tools ## Measure many teams: one program, and a stack for each; TEAMS="1 10" limits them
	@$(BIN)/python -m tools.bench_teams $(if $(TEAMS),--teams $(TEAMS))

bench-real: setup ## Measure push-to-visible, `up` against plain Helm, memory and run times, on real pods
	@$(BIN)/python -m tools.bench_real

pictures: setup ## Take the pictures of README and guides, from a comment and the running Airflow
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-pictures.txt
	@$(BIN)/python -m tools.comment_picture
	@$(BIN)/python -m tools.pictures --stack $(STACK)

links: setup ## Check the addresses on the internet that the documents name; not part of CI
	@$(BIN)/python -m tools.links --external

site: setup ## Build the documentation site into site/; REPOSITORY_URL=<https address> links to the code
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-site.txt
	@PYTHONPATH=. NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

generate: setup ## Write the generated files: Pulumi.yaml, schemas, reference, the README's graph
	@$(BIN)/python -m tools.generate

released: tools ## Record the states of a release, for upgrade tests from it
	@$(BIN)/python -m tools.releases

release: setup ## Build, test and list the artifacts of a release, a rehearsal unless TAG is given; nothing is published
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-release.txt
	@$(BIN)/python -m tools.release $(if $(TAG),--tag $(TAG))

lock: setup ## Compile the lock files with the newest versions within pyproject's bounds
	@$(BIN)/uv pip compile -q --upgrade $(LOCKED) --extra cluster --extra dags --extra policies --group dev -o requirements-dev.txt
	@$(BIN)/uv pip compile -q --upgrade $(LOCKED) -c requirements-dev.txt -o requirements.txt
	@$(BIN)/uv pip compile -q --upgrade $(LOCKED) --group pictures -c requirements-dev.txt -o requirements-pictures.txt
	@$(BIN)/uv pip compile -q --upgrade $(LOCKED) --group release -c requirements-dev.txt -o requirements-release.txt
	@$(BIN)/uv pip compile -q --upgrade $(LOCKED) --group site -c requirements-dev.txt -o requirements-site.txt

clean: down ## Run down, then remove .venv and .state; the tool cache stays
	@rm -rf .venv .state
