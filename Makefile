# The two main commands: `make demo` and `make test`. Both need only Python 3.11 to 3.13.
PYTHON ?= python3
BIN := .venv/bin
export PIP_CONSTRAINT := $(CURDIR)/constraints.txt
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Where it is set, each of the hundreds of commands that tests start would compile all modules again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo check test test-integration test-secure chaos fuzz lint format quality docs metrics bench kibana kubernetes screenshots constraints lock audit sbom wheel clean

help: ## show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# KEEP=1: keep the servers and the page of `hashtide watch` running until Ctrl-C.
demo: .venv/.installed ## run real Kafka and Elasticsearch, count 60,000 made-up posts, show the result, clean up
	$(BIN)/hashtide demo $(if $(KEEP),--keep)

# Tests run in parallel. Each worker has servers of its own, which take 1 GB of memory. There are more workers than
# processors, as many tests wait. WORKERS=0: one after the other. tests/README.md says what is where.
WORKERS ?= 3
PYTEST = $(BIN)/pytest -n $(WORKERS) --durations=10

check: lint ## run lint and the unit tests, without any server: a minute and a half
	$(BIN)/pytest -n 2 --durations=10 tests/unit $(ARGS)

test: .venv/.developing ## run all tests: unit, hostile input, contract, and integration on real servers
	$(PYTEST) $(ARGS)

test-integration: .venv/.developing ## run the tests that need real servers; ARGS='-k dlq' runs a part
	$(PYTEST) tests/contract tests/integration $(ARGS)

test-secure: .venv/.developing ## run the integration tests with Kafka by TLS and SCRAM, Elasticsearch by TLS and an API key
	$(PYTEST) --secure tests/integration $(ARGS)

# HASHTIDE_CHAOS_SEED=... repeats the same faults; ARGS='-k frozen' runs a part.
chaos: .venv/.developing ## kill and freeze workers, take servers away; not part of `make test`; 15 minutes
	$(BIN)/pytest -sv -o python_files='chaos_*.py' tests/chaos $(ARGS)

# FUZZ=20000: examples per test. ARGS='-k posts' runs a part. Failures are kept in .hypothesis and tried first.
fuzz: .venv/.developing ## try new hostile payloads, records and platforms: 10 minutes; FUZZ=20000: a night
	HASHTIDE_FUZZ=$(or $(FUZZ),1000) $(BIN)/pytest -k fuzz tests/abuse $(ARGS)


docs: .venv/.developing ## check what the documentation names: links, commands, targets, paths, settings
	$(BIN)/python -m tests.docs_check

lint: .venv/.developing ## run ruff, ruff format, mypy --strict and import-linter, tests included
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: .venv/.developing ## auto-fix and format the code
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

quality: .venv/.developing ## measure how accurate the tags are; writes docs/quality.md
	$(BIN)/python -m benchmarks.quality

metrics: .venv/.developing ## list all metrics with unit and meaning; writes docs/metrics.md
	$(BIN)/python -m benchmarks.metrics_page

bench: .venv/.developing ## measure speed against other systems; PEERS=1: more of them; writes docs/performance.md
	$(BIN)/python -m benchmarks $(if $(PEERS),--peers)

screenshots: .venv/.developing ## take the page's screenshots in docs/img, from a demo's data
	$(BIN)/python -m tests.screenshots

# A separate script, so that it works without Python.
.PHONY: secrets
secrets: ## make passwords, keys and a certificate for docker-compose.yml in secrets/; keeps existing files
	deploy/docker/make-secrets

kibana: .venv/.developing .venv-kibana/.installed ## compile the Kibana dashboards; writes deploy/kibana/dashboards.ndjson
	$(BIN)/python -m deploy.kibana.build

kubernetes: .venv/.developing ## generate the alert rules and roles of deploy/kubernetes
	$(BIN)/python -m deploy.kubernetes.generate

wheel: .venv/.developing ## build dist/*.whl
	$(BIN)/python -m build --wheel

constraints: .venv/.developing ## update all pinned versions, within the bounds of setup.cfg
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --upgrade --python-version 3.11 --no-header --no-annotate \
	  --extra backtest --extra dev --extra local --extra watch setup.cfg --output-file constraints.txt
	$(MAKE) lock

# Keeps the versions of constraints.txt. Includes the files of all platforms and Python versions, so any can be checked.
LOCK = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate --no-emit-index-url \
  --generate-hashes --constraint constraints.txt
lock: .venv/.developing ## add file hashes to the pinned versions: requirements.lock, and the image's locks
	$(BIN)/python -m pip install --quiet uv
	$(LOCK) --extra backtest --extra dev --extra local --extra watch setup.cfg --output-file requirements.lock
	$(LOCK) --extra watch setup.cfg --output-file deploy/docker/requirements.lock
	echo setuptools | $(LOCK) - --output-file deploy/docker/build.lock

# Uses PyPI's advisory database, or OSV's with ARGS='--vulnerability-service osv'. --strict: a failed look-up fails the
# audit. Run `make lock` first if constraints.txt has changed.
audit: .venv-audit/.installed ## check the pinned versions for known vulnerabilities; needs the network
	.venv-audit/bin/pip-audit --strict --require-hashes --disable-pip --requirement requirements.lock $(ARGS)

sbom: .venv/.developing ## list the components of the image and the embedded servers; writes dist/hashtide.cdx.json
	$(BIN)/python -m deploy.sbom

clean: ## remove everything built and installed here
	rm -rf .venv .venv-audit .venv-kibana build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis

.venv/.created:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
	  { echo "$(PYTHON) is not Python 3.11, 3.12 or 3.13: name one, make PYTHON=python3.12 ..." >&2; exit 1; }
	$(PYTHON) -m venv .venv
	@touch $@

.venv/.installed: .venv/.created setup.cfg constraints.txt
	$(BIN)/python -m pip install --quiet --editable '.[backtest,local,watch]'
	@touch $@

.venv/.developing: .venv/.created setup.cfg constraints.txt
	$(BIN)/python -m pip install --quiet --editable '.[backtest,dev,local,watch]'
	@touch .venv/.installed $@

# A separate environment, so that the auditing tool is not audited itself.
.venv-audit/.installed:
	$(PYTHON) -m venv .venv-audit
	PIP_CONSTRAINT= .venv-audit/bin/python -m pip install --quiet 'pip-audit>=2.9,<3'
	@touch $@

# The dashboards' compiler needs Python 3.12, also if the project runs on another version: make kibana PYTHON312=...
.venv-kibana/.installed: deploy/kibana/requirements.txt
	@for python in $(PYTHON312) python3.12 "$$HOME"/.pyenv/versions/3.12.*/bin/python3.12; do \
	  "$$python" -c 'import venv' 2>/dev/null && exec "$$python" -m venv --clear .venv-kibana; \
	done; echo "no Python 3.12 found: name one, make kibana PYTHON312=..." >&2; exit 1
	PIP_CONSTRAINT= .venv-kibana/bin/python -m pip install --quiet --no-deps --no-compile --requirement deploy/kibana/requirements.txt
	@touch $@
