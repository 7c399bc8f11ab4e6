# Everything a newcomer needs: `make run` and `make test` do all of their own set-up.
# Paths are relative on purpose: the folder's own path may hold spaces.
.PHONY: run test lint check demo bench sim connector install lock format clean
.DEFAULT_GOAL := run

PYTHON ?= python3
UV_VERSION := 0.13.9
# A user without a home of their own has no place for a cache.
UV = $(if $(shell test -w "$$HOME" || echo none),UV_NO_CACHE=1) .venv/bin/uv --system-certs
INSTALLED := .venv/installed

# A virtual environment knows its own path: one that was moved or copied is made again.
ifneq ($(shell cat $(INSTALLED) 2>/dev/null),$(CURDIR))
.PHONY: $(INSTALLED)
endif

run: install
	@.venv/bin/recoup serve

test: install
	@.venv/bin/python -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder

lint: install
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy

check: lint
	@.venv/bin/python -m pytest -q tests/tidy
	@.venv/bin/python -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder -m "not postgres and not slow" --ignore tests/tidy

demo: install
	@.venv/bin/recoup demo

bench: install
	@.venv/bin/python -m bench.connectors
	@.venv/bin/python -m bench.payments
	@.venv/bin/python -m bench.inbox
	@.venv/bin/python -m bench.webhooks
	@.venv/bin/python -m bench.ledger
	@.venv/bin/python -m bench.settlements

# Everything that can go wrong, from one seed: make sim SIM_PAYMENTS=5000 SIM_SEED=7
sim: install
	@.venv/bin/python -m tests.simulation $(if $(SIM_PAYMENTS),--payments $(SIM_PAYMENTS)) $(if $(SIM_SEED),--seed $(SIM_SEED))

# Begins a connector: make connector name=acme
connector: install
	@.venv/bin/python tools/new_connector.py "$(name)"

install: $(INSTALLED)

$(INSTALLED): pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Recoup needs Python 3.11 or newer; say which with: make PYTHON=python3.x")'
	@test "$$(cat .venv/path 2>/dev/null)" = "$(CURDIR)" || $(PYTHON) -m venv --clear .venv
	@printf '%s\n' "$(CURDIR)" > .venv/path
	@test "$$($(UV) --version 2>/dev/null | cut -d' ' -f2)" = "$(UV_VERSION)" || .venv/bin/python -m pip install --quiet --disable-pip-version-check "uv==$(UV_VERSION)"
	@$(UV) pip sync --quiet --python .venv/bin/python --require-hashes requirements.lock
	@$(UV) pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation --editable .
	@printf '%s\n' "$(CURDIR)" > $(INSTALLED)

# Takes the newest releases that pyproject.toml allows; run it on purpose, and read what changed.
lock: install
	@$(UV) pip compile --quiet --universal --upgrade --generate-hashes --no-emit-index-url --no-annotate --no-header \
		--python-version 3.11 --extra dev --output-file requirements.lock pyproject.toml

format: install
	@.venv/bin/ruff check --fix .
	@.venv/bin/ruff format .

clean:
	@rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis
