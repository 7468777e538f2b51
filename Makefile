# `make help` lists the targets. Each installs what it needs at the first use.

export PATH := $(CURDIR)/.venv/bin:$(PATH)
export PYTHONPATH := $(CURDIR)

# An installer's output, shown only where it fails.
QUIETLY = > build/setup.log 2>&1 || { cat build/setup.log; exit 1; }

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: setup ## deploy to a local AWS Organization and sign in as root; about 4 minutes
	@./rootwatch demo

# The end-to-end tests share one worker, which mostly waits for Terraform; two run the others.
.PHONY: test
test: setup ## run all tests; about 20 minutes
	@pytest -n 3

.PHONY: check
check: setup ## check format, lint, types and imports, and run the unit tests; under a minute
	@ruff format --quiet --check .
	@ruff check --quiet .
	@lint-imports > build/lint-imports.log || { cat build/lint-imports.log; exit 1; }
	@mypy
	@pytest -n 2 --dist loadfile tests/unit

.PHONY: format
format: setup ## format the code as `make check` expects it
	@ruff format .
	@ruff check --fix .

.PHONY: docs
docs: setup ## update the generated parts of the documentation
	@python -m docs.generate

.PHONY: bench
bench: setup ## run the benchmarks; about 3 minutes
	@python -m bench.match
	@pytest bench --benchmark-columns=min,median,rounds --benchmark-disable-gc --quiet

.PHONY: synth
synth: valid-config ## write the Terraform JSON of your configuration to cdktf.out
	@./rootwatch cdktf synth

.PHONY: preflight
preflight: valid-config ## check that the organization meets the requirements; read-only
	@./rootwatch preflight

.PHONY: plan
plan: setup ## show what a deployment would change, of all stacks or one: make plan STACK=trail
	@./rootwatch plan $(STACK)

.PHONY: deploy
deploy: setup ## deploy all stacks or one: make deploy STACK=trail; AUTO_APPROVE=1 asks nothing
	@./rootwatch deploy $(STACK) $(if $(AUTO_APPROVE),--auto-approve)

# One stack is removed without those that depend on it.
.PHONY: destroy
destroy: setup ## remove all stacks, or one: make destroy STACK=trail; AUTO_APPROVE=1 asks nothing
	@./rootwatch destroy $(STACK) $(if $(AUTO_APPROVE),--auto-approve)

# First and alone, since CDKTF wraps the message in its own.
.PHONY: valid-config
valid-config: setup
	@./rootwatch config check > /dev/null

.PHONY: provider
provider: prerequisites ## print where Terraform installs the AWS provider from
	@toolchain/terraform-rc.sh build/terraform.rc --print

.PHONY: clean
clean: ## remove everything that the targets created in this folder
	rm -rf .venv node_modules build cdktf.out .benchmarks .cache .hypothesis .import_linter_cache \
		.mypy_cache .pytest_cache .ruff_cache

.PHONY: setup
setup: prerequisites python node ## install the packages into this folder

.PHONY: python
python: build/python.done

.PHONY: node
node: build/node.done

# Every time, since programs and mirrors come and go; it takes half a second.
.PHONY: prerequisites
prerequisites:
	@toolchain/prerequisites.sh
	@toolchain/terraform-rc.sh build/terraform.rc

# Pipenv has an environment of its own; the packages of Pipfile.lock go to .venv.
build/pipenv/bin/pipenv: toolchain/pipenv.txt
	@mkdir -p build
	@rm -rf build/pipenv
	@"$$(toolchain/find-python.sh 3.13)" -m venv build/pipenv
	@build/pipenv/bin/python -m pip install --quiet --require-hashes --disable-pip-version-check \
		--requirement toolchain/pipenv.txt $(QUIETLY)
	@touch $@

build/python.done: Pipfile Pipfile.lock
	@toolchain/prerequisites.sh python
	@echo 'Installing the Python packages (a minute or two) ...'
	@$(MAKE) --silent build/pipenv/bin/pipenv
	@PIPENV_VENV_IN_PROJECT=1 PIPENV_IGNORE_VIRTUALENVS=1 PIPENV_VERBOSITY=-1 PIPENV_QUIET=1 \
		build/pipenv/bin/pipenv --python "$$(toolchain/find-python.sh 3.13)" sync --dev $(QUIETLY)
	@touch $@

build/node.done: package.json package-lock.json .npmrc | prerequisites
	@echo 'Installing the CDKTF command line ...'
	@npm ci $(QUIETLY)
	@touch $@
