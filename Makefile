# Every target is one or two plain commands; README.md shows them too.
PYTHON ?= python3
BIN := .venv/bin
RUN := $(if $(PORT),CLINICDIR_PORT=$(PORT)) $(BIN)

.PHONY: serve demo test soak mutants bench check fix browser requirements clean

serve: .venv/ready
	$(RUN)/flask serve

demo: .venv/ready
	CLINICDIR_DATABASE_URL=sqlite:///$(CURDIR)/instance/demo.sqlite3 $(RUN)/flask demo

test: .venv/ready-dev
	$(BIN)/python -m pytest -n auto --dist loadscope

# The long forms: 10,000 steps of the machine, 1,000 claims, 500 bots. One at a time, for minutes.
soak: .venv/ready-dev
	$(BIN)/python -m pytest -m soak

# Changes of one operator that no test notices (docs/mutation.md). All of them take hours:
# `make mutants MODULES="crypto hours"` takes the modules with one of these words in their path.
mutants: .venv/ready-dev .venv-mutants/ready
	nice $(BIN)/python -m tools.mutants $(MODULES)

# How many messages a second leave, on this disk and machine.
bench: .venv/ready-dev
	$(BIN)/python -m bench.drain_outbox

check: .venv/ready-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tools.check_migrations
	$(MAKE) test

fix: .venv/ready-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

browser: .venv/ready-dev
	$(BIN)/python -m pytest tests/browser

requirements: .venv/ready-dev
	$(BIN)/uv pip compile -q --universal --no-strip-extras --python-version 3.11 --generate-hashes pyproject.toml -o requirements.txt
	$(BIN)/uv pip compile -q --universal --no-strip-extras --python-version 3.11 --generate-hashes pyproject.toml --group dev -o requirements-dev.txt

clean:
	rm -rf .venv .venv-mutants node_modules

# A stamp holds the sum of the requirements that were installed; while it matches, nothing is done.
.venv/ready: requirements.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements.txt
	touch $@

.venv/ready-dev: requirements-dev.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.txt
	touch .venv/ready $@

.venv-mutants/ready: requirements-mutation.txt
	$(PYTHON) -m venv .venv-mutants
	.venv-mutants/bin/pip install -q --disable-pip-version-check --require-hashes -r requirements-mutation.txt
	touch $@
