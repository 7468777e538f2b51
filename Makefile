# Each target does its own set-up, once: `make help` lists them.

PROVIDER_VERSION := 5.100.0

export PATH := $(CURDIR)/.venv/bin:$(CURDIR)/node_modules/.bin:$(PATH)
export TF_CLI_CONFIG_FILE := $(CURDIR)/build/terraform.rc
export CHECKPOINT_DISABLE := 1
# jsii, CDKTF's bridge to Python, ended its support of Node.js 20; it works with it.
export JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION := 18,20
export PYTHONPATH := $(CURDIR)

# Without the registry `cdktf` cannot write checksums of other platforms into the lock file.
SKIP_LOCK = $(shell grep -q filesystem_mirror build/terraform.rc 2>/dev/null && echo --skip-provider-lock)

# An installer's output, shown only where it fails.
QUIETLY = > build/setup.log 2>&1 || { cat build/setup.log; exit 1; }

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: setup ## a root sign-in without MFA, from deployment to finding, in a local organization
	@python -m demo

.PHONY: test
test: setup ## all tests; deploys into a local organization once
	@pytest

.PHONY: check
check: setup ## format, lint, types and unit tests, in seconds
	@ruff format --check .
	@ruff check .
	@mypy
	@pytest tests/unit

.PHONY: format
format: setup ## rewrite the code as `make check` wants it
	@ruff format .
	@ruff check --fix .

.PHONY: docs
docs: setup ## update the generated parts of the documentation
	@python -m docs.generate

.PHONY: bench
bench: setup ## measure what has to be fast, as ratios within one run
	@python -m bench.match
	@pytest bench --benchmark-columns=min,median,rounds --benchmark-disable-gc --quiet

.PHONY: synth
synth: valid-config ## the Terraform JSON of your configuration, into cdktf.out
	@cdktf synth

.PHONY: preflight
preflight: valid-config ## check that the organization meets the requirements; read-only
	@./rootwatch preflight

.PHONY: deploy
deploy: valid-config ## deploy all stacks to the organization of your configuration
	@cdktf deploy '*' $(SKIP_LOCK)

# One stack is removed without those that depend on it.
.PHONY: destroy
destroy: valid-config ## remove all stacks, or one: make destroy STACK=trail
	@cdktf destroy '$(or $(STACK),*)' $(SKIP_LOCK) $(if $(STACK),--ignore-missing-stack-dependencies)

# Said once and at once, before CDKTF wraps it into its own words.
.PHONY: valid-config
valid-config: setup
	@python -m config
	@./rootwatch detections list --enabled > /dev/null

.PHONY: clean
clean: ## remove everything that the targets made here
	rm -rf .venv node_modules build cdktf.out .cache .mypy_cache .pytest_cache .ruff_cache .hypothesis

.PHONY: setup
setup: prerequisites build/python.done build/node.done

# Looked at each time, since programs and mirrors come and go; it takes a moment.
.PHONY: prerequisites
prerequisites:
	@toolchain/prerequisites.sh
	@mkdir -p build
	@toolchain/terraform-rc.sh build/terraform.rc $(PROVIDER_VERSION)

# Pipenv gets a place of its own; what Pipfile.lock pins goes to .venv.
build/pipenv/bin/pipenv: toolchain/pipenv.txt | prerequisites
	@echo 'Setting up Pipenv ...'
	@rm -rf build/pipenv
	@"$$(toolchain/find-python.sh 3.13)" -m venv build/pipenv
	@build/pipenv/bin/python -m pip install --quiet --require-hashes --disable-pip-version-check \
		--requirement toolchain/pipenv.txt $(QUIETLY)
	@touch $@

.PHONY: python
python: build/python.done

build/python.done: Pipfile Pipfile.lock build/pipenv/bin/pipenv
	@echo 'Installing the Python packages (a minute or two) ...'
	@PIPENV_VENV_IN_PROJECT=1 PIPENV_IGNORE_VIRTUALENVS=1 PIPENV_VERBOSITY=-1 PIPENV_QUIET=1 \
		build/pipenv/bin/pipenv --python "$$(toolchain/find-python.sh 3.13)" sync --dev $(QUIETLY)
	@touch $@

build/node.done: package.json package-lock.json .npmrc | prerequisites
	@echo 'Installing the CDKTF command line ...'
	@npm ci $(QUIETLY)
	@touch $@
