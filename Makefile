# Everything a clean clone needs: Python 3.11+ and make.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PORT   ?= 8000

.PHONY: demo test check bench format lock clients clean

demo: $(VENV)/.runtime ## set up, seed and serve the demo on http://127.0.0.1:$(PORT)
	PORT=$(PORT) $(BIN)/folioql demo

test: $(VENV)/.dev ## all tests that this machine's services allow
	$(BIN)/python -m pytest -q -n 2

check: $(VENV)/.dev ## format, lint, types, import contracts, dependencies, schema drift and breaking changes
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry .
	$(BIN)/folioql schema check
	$(BIN)/folioql schema changes

format: $(VENV)/.dev ## put the code into its one format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.dev ## measure, and print tables
	$(BIN)/python -m benchmarks

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "FolioQL needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: requirements/runtime.lock pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --require-hashes --no-deps -r requirements/runtime.lock
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	touch $@

$(VENV)/.dev: requirements/dev.lock pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --require-hashes --no-deps -r requirements/dev.lock
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	touch $@ $(VENV)/.runtime

clients: tests/clients/node_modules/.installed .venv-clients/.installed ## what tests of real clients run; needs npm

tests/clients/node_modules/.installed: tests/clients/package-lock.json
	cd tests/clients && npm ci --ignore-scripts --no-audit --no-fund --silent
	touch $@

.venv-clients/.installed: tests/clients/requirements.lock
	$(PYTHON) -m venv .venv-clients
	.venv-clients/bin/python -m pip install --quiet --require-hashes --no-deps -r $<
	touch $@

clean: ## remove the environment
	rm -rf $(VENV) .venv-clients tests/clients/node_modules

lock: ## renew the locked dependencies
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/pip install --quiet uv
	.venv-lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url pyproject.toml -o requirements/runtime.lock
	.venv-lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url -c requirements/runtime.lock pyproject.toml --extra optimisation --group dev -o requirements/dev.lock
	.venv-lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url tests/clients/requirements.in -o tests/clients/requirements.lock
	rm -rf .venv-lock
