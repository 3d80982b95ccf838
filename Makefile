# Each target does its own set-up. Needs python3 (3.11 or newer) with venv, and git.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
AWSCLI := $(VENV)/awscli
AZURITE := $(VENV)/azurite
CHECKED := src tests
# Tests start a thousand processes, and where no bytecode may be kept each of them compiles all modules anew.
export PYTHONDONTWRITEBYTECODE :=
# Four where there are two cores: tests wait for servers much of the time. A file's tests stay together, and the files in
# the order of tests/conftest.py: the longest first.
SPREAD := -n 4 --dist loadfile --no-loadscope-reorder

.PHONY: help venv check test demo bench soak fmt lock servers clean

help:
	@echo "make check   format, lint, types, floors, unit tests"
	@echo "make test    every test, real servers included"
	@echo "make demo    the main job on two real S3 servers; KEEP=1 leaves it running, with its pages"
	@echo "make bench   Brigade and its peers, measured in turn"
	@echo "make soak    faults and simulations with many seeds, bad days and a gibibyte over every pair"
	@echo "make fmt     format the code"
	@echo "make lock    choose the newest allowed dependencies anew"

venv: $(STAMP)

$(STAMP): requirements/dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Brigade needs Python 3.11 or newer; set PYTHON=python3.x"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
		|| { echo "Python has no venv here. On Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(STAMP)

check: venv
	$(BIN)/ruff format --check $(CHECKED)
	$(BIN)/ruff check --quiet $(CHECKED)
	$(BIN)/mypy $(CHECKED)
	$(BIN)/lint-imports --no-cache >$(VENV)/floors.txt || { cat $(VENV)/floors.txt; exit 1; }
	$(BIN)/pytest -q $(SPREAD) -m "not server" tests/unit tests/test_tidy.py tests/test_docs.py

test: venv $(AWSCLI)/.installed $(AZURITE)/.installed
	$(BIN)/pytest $(SPREAD)

# Other people's client; without it its tests are skipped, and the summary says so.
$(AWSCLI)/.installed: requirements/awscli.lock | $(STAMP)
	@rm -rf $(AWSCLI)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes \
		--target $(AWSCLI) -r requirements/awscli.lock && touch $@ \
		|| echo "The AWS command line could not be installed; its tests are skipped."

# Azure's own emulator, from npm; without it its tests are skipped, and the summary says so.
$(AZURITE)/.installed: requirements/azurite/package-lock.json | $(STAMP)
	@rm -rf $(AZURITE) && mkdir -p $(AZURITE) && cp requirements/azurite/package*.json $(AZURITE)
	@cd $(AZURITE) && npm ci --silent --ignore-scripts --no-audit --no-fund --no-update-notifier >/dev/null 2>&1 \
		&& touch .installed || echo "Azurite could not be installed (it needs node and npm); its tests are skipped."

demo: venv
	$(BIN)/brigade demo $(if $(KEEP),--keep)

bench: venv
	$(BIN)/python -m bench

soak: venv
	BRIGADE_SOAK=$${BRIGADE_SOAK:-50} $(BIN)/pytest $(SPREAD) \
		tests/faults tests/simulation tests/e2e/test_faults.py tests/pairs tests/conformance tests/bench

fmt: venv
	$(BIN)/ruff format $(CHECKED)
	$(BIN)/ruff check --quiet --fix $(CHECKED)

lock: venv
	@cd requirements && export CUSTOM_COMPILE_COMMAND="make lock" && unset PIP_FIND_LINKS && \
	for part in run:../pyproject.toml image:image.in dev:dev.in awscli:awscli.in; do \
		../$(BIN)/pip-compile --quiet --upgrade --strip-extras --generate-hashes --allow-unsafe \
			--no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
			--output-file "$${part%%:*}.lock" "$${part#*:}" || exit 1; \
	done
	@cd requirements/azurite && npm update --silent --package-lock-only --omit-lockfile-registry-resolved \
		|| echo "npm is not here: requirements/azurite stays as it is."

servers:
	@.ci/servers

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
