# Everything that people and machines do with this project. `make` alone lists it.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LOCKS := requirements.lock requirements-dev.lock

# A stamp is named after what it stands for: locks, project file and place. Anything changed there, and only that, installs again.
fingerprint = $(shell (cat $(1) pyproject.toml; pwd) | cksum | cut -d' ' -f1)
RUN_READY := $(VENV)/run-$(call fingerprint,requirements.lock)
DEV_READY := $(VENV)/dev-$(call fingerprint,$(LOCKS))
# Training needs an older protobuf than running, so it has an environment of its own.
TRAIN_VENV := .venv-train
TRAIN_READY := $(TRAIN_VENV)/train-$(call fingerprint,requirements-train.lock)
# So has the S3-compatible store of the tests, whose packages do not go with those of the project.
PEERS_VENV := .venv-peers
PEERS_READY := $(PEERS_VENV)/peers-$(call fingerprint,requirements-peers.lock)

PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
RESOLVE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --strip-extras \
	--no-header --no-emit-index-url --no-emit-find-links
COMPILE := $(RESOLVE) pyproject.toml

.DEFAULT_GOAL := help
.PHONY: help train certificates training learn run down test peers check format coverage bench parked crash chaos hub fuzz render lock clean
MAKEFLAGS += --no-print-directory

help: ## List what there is
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' Makefile

run: $(RUN_READY) ## Start everything on this machine and let sample applications arrive (Ctrl-C stops it)
	@$(BIN)/python -m streams.cli up --demo

down: $(RUN_READY) ## Stop what `make run` started
	@$(BIN)/python -m streams.cli down

test: $(DEV_READY) ## Run the tests (ARGS="tests/unit -k name" narrows)
	@$(BIN)/python -m pytest $(or $(ARGS),-n 2)

check: $(DEV_READY) ## Lint, types, import contracts, rendered files
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m pytest -q tests/guard

peers: $(PEERS_READY) ## Install what some tests drive and skip without: Chromium, PostgreSQL, MariaDB, OpenSSH's server, RabbitMQ, Dovecot, Prometheus, Alertmanager and kcat, from Debian's packages, as root; moto, for S3
	@command -v chromium-headless-shell >/dev/null || command -v chromium >/dev/null || \
	{ apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium-headless-shell fonts-noto-core; }
	@command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || \
	{ apt-get update -qq && apt-get install -y -qq --no-install-recommends postgresql; }
	@command -v prometheus-alertmanager >/dev/null || command -v alertmanager >/dev/null || \
	{ apt-get update -qq && apt-get install -y -qq --no-install-recommends prometheus-alertmanager; }
	@command -v prometheus >/dev/null || \
	{ apt-get update -qq && apt-get install -y -qq --no-install-recommends prometheus; }
	@command -v mariadbd >/dev/null || ls /usr/sbin/mariadbd >/dev/null 2>&1 || \
	{ apt-get update -qq && apt-get install -y -qq --no-install-recommends mariadb-server-core mariadb-client-core; }
	@command -v sshd >/dev/null || ls /usr/sbin/sshd >/dev/null 2>&1 || \
	{ apt-get update -qq && apt-get install -y -qq --no-install-recommends openssh-server; }
	@ls /usr/lib/rabbitmq/lib/*/sbin/rabbitmq-server >/dev/null 2>&1 || \
	{ apt-get update -qq && apt-get install -y -qq --no-install-recommends rabbitmq-server; }
	@ls /usr/lib/dovecot/imap >/dev/null 2>&1 || \
	{ apt-get update -qq && apt-get install -y -qq --no-install-recommends dovecot-imapd; }
	@command -v kcat >/dev/null || \
	{ apt-get update -qq && apt-get install -y -qq --no-install-recommends kcat; }

format: $(DEV_READY) ## Put the code into the common format
	@$(BIN)/ruff check --fix-only .
	@$(BIN)/ruff format .

coverage: $(DEV_READY) ## Show what the unit tests reach, package by package
	@$(BIN)/python -m tests.coverage $(ARGS)

bench: $(DEV_READY) ## Measure; prints one JSON object (PEER=restate: beside that peer, where npm can install it)
	@$(BIN)/python -m tests.bench $(if $(PEER),journey own $(PEER)) $(ARGS)

parked: $(DEV_READY) ## Park 100,000 instances on events, timers and people, and wake them (ARGS="--count 10000")
	@$(BIN)/python -m tests.bench.parked $(ARGS)

crash: $(DEV_READY) ## Kill everything at every point and compare with the run without faults
	@$(BIN)/python -m pytest tests/crash tests/acceptance/test_replay.py -m "crash or crash_smoke" -v --durations=10 $(ARGS)

chaos: $(DEV_READY) ## Let systems, workers and broker fail at once, from a seed (ARGS="--seed 7 --applications 2000 --kills 10")
	@$(BIN)/python -m pytest tests/chaos -m "chaos or chaos_smoke" -v $(ARGS)

hub: $(DEV_READY) ## Hold every connector to the contract: 10,000 calls each, connections that go wrong, kills between intent and result and of who takes rows and messages, an order-to-cash
	@$(BIN)/python -m pytest tests/unit/connectors/test_contract.py tests/hub tests/integration/test_messages_in.py tests/crash/test_pages.py tests/crash/test_rows.py tests/crash/test_messages.py tests/acceptance/test_order_to_cash.py -m "crash or not crash" -v --durations=10 $(ARGS)

fuzz: $(DEV_READY) ## Try the parsers of what comes from outside on random input, for minutes
	@$(BIN)/python -m pytest tests/fuzz -m fuzz --hypothesis-profile fuzz -v $(ARGS)

DECISION ?= credit_risk
train: $(TRAIN_READY) ## Train a bundled model (DECISION=credit_approval ARGS="--data train.csv.gz --version 2")
	@$(TRAIN_VENV)/bin/python -m models.decisions.$(DECISION).train $(ARGS)

certificates: $(TRAIN_READY) ## See whether certificates keep their word (ARGS="--german FILE --taiwan FILE")
	@$(TRAIN_VENV)/bin/python -m models.decisions.certificates $(ARGS)

training: $(TRAIN_READY) ## Test training: from rows to a model that serving takes, and the committed one byte for byte
	@$(TRAIN_VENV)/bin/python -m pytest tests/unit/models/test_training.py tests/unit/models/test_training_credit.py tests/unit/models/test_training_texts.py tests/unit/models/test_training_marketing.py tests/unit/models/test_training_fraud.py tests/unit/models/test_training_own.py tests/unit/models/test_certify.py tests/unit/models/test_oracles.py $(ARGS)

learn: $(DEV_READY) $(TRAIN_READY) ## See models watched, suspended, learning and promoted on a real site, under kills (DATA=train.csv.gz ARGS="--seed 2"; an hour)
	@$(BIN)/python -m pytest tests/acceptance/test_monitor.py tests/unit/cli/test_models_learn.py -m crash -v
	@test -z "$(DATA)" || $(TRAIN_VENV)/bin/python -m models.decisions.marketing_response.drift --data $(DATA)
	@test -z "$(DATA)" || $(BIN)/python -m tests.learning --data $(DATA) --kills 6 --page learning.html $(ARGS)
	@test -z "$(DATA)" || $(BIN)/python -m tests.learning --data $(DATA) --foreign --page learning-foreign.html $(ARGS)

render: $(DEV_READY) ## Write the files that are rendered from code
	@$(BIN)/python -m infra.render

lock: $(DEV_READY) ## Resolve the dependencies anew and write the lock files
	@$(COMPILE) --extra install --upgrade --output-file requirements.lock
	@$(COMPILE) --extra install --extra dev --constraint requirements.lock --upgrade --output-file requirements-dev.lock
	@$(COMPILE) --extra train --extra test --extra oracles --upgrade --output-file requirements-train.lock
	@$(RESOLVE) requirements-peers.in --upgrade --output-file requirements-peers.lock

clean: ## Remove the environment and caches; data and downloads stay
	@rm -rf $(VENV) $(TRAIN_VENV) $(PEERS_VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(RUN_READY): | $(BIN)/python
	@echo "Installing what running needs (a minute or two, once) ..."
	@$(PIP) install --require-hashes --requirement requirements.lock
	@$(PIP) install --no-index --no-deps --no-build-isolation --editable .
	@rm -f $(VENV)/run-*
	@touch $@

$(TRAIN_READY):
	@echo "Installing what training needs (a minute or two, once) ..."
	@$(PYTHON) -m venv $(TRAIN_VENV)
	@$(TRAIN_VENV)/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes --requirement requirements-train.lock
	@rm -f $(TRAIN_VENV)/train-*
	@touch $@

$(PEERS_READY):
	@echo "Installing an S3-compatible store for the tests (half a minute, once) ..."
	@$(PYTHON) -m venv $(PEERS_VENV)
	@$(PEERS_VENV)/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes --requirement requirements-peers.lock
	@rm -f $(PEERS_VENV)/peers-*
	@touch $@

$(DEV_READY): $(RUN_READY) | $(BIN)/python
	@echo "Installing what the tests need (a minute, once) ..."
	@$(PIP) install --require-hashes --requirement requirements-dev.lock
	@rm -f $(VENV)/dev-*
	@touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; this is " + sys.version.split()[0] + ". Name another: make PYTHON=python3.12")'
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }
