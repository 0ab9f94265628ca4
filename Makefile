# Two commands to know: `make demo` and `make test`. Both need nothing but Python 3.11 to 3.13.
PYTHON ?= python3
BIN := .venv/bin
export PIP_CONSTRAINT := $(CURDIR)/constraints.txt
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help demo test test-secure chaos fuzz lint format quality metrics bench kibana kubernetes screenshots constraints lock audit sbom wheel clean

help: ## show this
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# KEEP=1: the servers and the page of `hashtide watch` stay until Ctrl-C.
demo: .venv/.installed ## real Kafka and Elasticsearch, 60,000 made-up posts, and what came out; leaves nothing behind
	$(BIN)/hashtide demo $(if $(KEEP),--keep)

test: .venv/.developing ## all tests: unit, contract, and integration on real servers
	$(BIN)/pytest

test-secure: .venv/.developing ## the integration tests once more, with Kafka by TLS and SCRAM and Elasticsearch by TLS and a key
	$(BIN)/pytest --secure tests/integration $(ARGS)

# HASHTIDE_CHAOS_SEED=... draws the same faults again; ARGS='-k frozen' runs a part of it.
chaos: .venv/.developing ## workers killed and frozen, servers taken away: a quarter of an hour, beside `make test`
	$(BIN)/pytest -sv -o python_files='chaos_*.py' tests/chaos $(ARGS)

# FUZZ=20000: so many examples a test. ARGS='-k posts' runs a part of it. What failed is kept in .hypothesis, and tried first.
fuzz: .venv/.developing ## hostile payloads, records and platforms, new ones each time: ten minutes; FUZZ=20000 examples a test: a night
	HASHTIDE_FUZZ=$(or $(FUZZ),1000) $(BIN)/pytest -k fuzz tests/abuse $(ARGS)

.PHONY: docs
docs: .venv/.developing ## check what the documentation names: links, commands, targets, paths, settings
	$(BIN)/python -m tests.docs_check

lint: .venv/.developing ## ruff, ruff format, mypy --strict, tests included
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: .venv/.developing ## put the code in order
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

quality: .venv/.developing ## how right the tags are; writes docs/quality.md
	$(BIN)/python -m benchmarks.quality

metrics: .venv/.developing ## every metric, with unit and meaning; writes docs/metrics.md
	$(BIN)/python -m benchmarks.metrics_page

bench: .venv/.developing ## how fast it is, beside others; PEERS=1: more of them; writes docs/performance.md
	$(BIN)/python -m benchmarks $(if $(PEERS),--peers)

screenshots: .venv/.developing ## the pictures of the page in docs/img, of a demo's data
	$(BIN)/python -m tests.screenshots

# Beside the others, and for whoever has neither Python nor the rest of this file: it is a script of its own.
.PHONY: secrets
secrets: ## passwords, keys and a certificate for docker-compose.yml, into secrets/; what is there stays
	deploy/docker/make-secrets

kibana: .venv/.developing .venv-kibana/.installed ## compile the Kibana dashboards; writes deploy/kibana/dashboards.ndjson
	$(BIN)/python -m deploy.kibana.build

kubernetes: .venv/.developing ## what deploy/kubernetes has of the rules and roles, made anew
	$(BIN)/python -m deploy.kubernetes.generate

wheel: .venv/.developing ## build dist/*.whl
	$(BIN)/python -m build --wheel

constraints: .venv/.developing ## pin the whole tree anew, within the bounds of setup.cfg
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --upgrade --python-version 3.11 --no-header --no-annotate \
	  --extra backtest --extra dev --extra local --extra watch setup.cfg --output-file constraints.txt
	$(MAKE) lock

# The pins stay those of constraints.txt. The files of every platform and Python are in, so any of them can be checked.
LOCK = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate --no-emit-index-url \
  --generate-hashes --constraint constraints.txt
lock: .venv/.developing ## the pins with the hashes of their files: requirements.lock, and those of the image
	$(BIN)/python -m pip install --quiet uv
	$(LOCK) --extra backtest --extra dev --extra local --extra watch setup.cfg --output-file requirements.lock
	$(LOCK) --extra watch setup.cfg --output-file deploy/docker/requirements.lock
	echo setuptools | $(LOCK) - --output-file deploy/docker/build.lock

# It asks PyPI's own database of advisories, or OSV's with ARGS='--vulnerability-service osv'. --strict: what could not be
# looked up is no pass. `lock` first, where constraints.txt has changed.
audit: .venv-audit/.installed ## known vulnerabilities of what is pinned; needs the network
	.venv-audit/bin/pip-audit --strict --require-hashes --disable-pip --requirement requirements.lock $(ARGS)

sbom: .venv/.developing ## what the image and the servers of `hashtide up` are made of; writes dist/hashtide.cdx.json
	$(BIN)/python -m deploy.sbom

clean: ## remove what was built and installed here
	rm -rf .venv .venv-audit .venv-kibana build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis

.venv/.created:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
	  { echo "$(PYTHON) is not Python 3.11, 3.12 or 3.13: say which one is, make PYTHON=python3.12 ..." >&2; exit 1; }
	$(PYTHON) -m venv .venv
	@touch $@

.venv/.installed: .venv/.created setup.cfg constraints.txt
	$(BIN)/python -m pip install --quiet --editable '.[backtest,local,watch]'
	@touch $@

.venv/.developing: .venv/.created setup.cfg constraints.txt
	$(BIN)/python -m pip install --quiet --editable '.[backtest,dev,local,watch]'
	@touch .venv/.installed $@

# Of its own, so that what audits is not among what is audited.
.venv-audit/.installed:
	$(PYTHON) -m venv .venv-audit
	PIP_CONSTRAINT= .venv-audit/bin/python -m pip install --quiet 'pip-audit>=2.9,<3'
	@touch $@

# The dashboards' compiler wants Python 3.12, whichever the project runs on: make kibana PYTHON312=...
.venv-kibana/.installed: deploy/kibana/requirements.txt
	@for python in $(PYTHON312) python3.12 "$$HOME"/.pyenv/versions/3.12.*/bin/python3.12; do \
	  "$$python" -c 'import venv' 2>/dev/null && exec "$$python" -m venv --clear .venv-kibana; \
	done; echo "no Python 3.12 found: say which one is, make kibana PYTHON312=..." >&2; exit 1
	PIP_CONSTRAINT= .venv-kibana/bin/python -m pip install --quiet --no-deps --no-compile --requirement deploy/kibana/requirements.txt
	@touch $@
