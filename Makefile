# `make demo` and `make test` are all the set-up there is: each installs what is missing.

.DEFAULT_GOAL := help
.PHONY: help install programs test-programs environments shipping tools current demo quick test matrix check docs \
	requirements airflow build release clean

# Given to what a target runs: make demo ARGS=--check, make test ARGS="tests/stack -x"
ARGS ?=
# Asked anew where it is used: `programs` may have installed it.
PYTHON ?= $(firstword $(foreach name,python3 python3.14 python3.13 python3.12 python3.11 python3.10,$(shell \
	$(name) -c 'import ensurepip, sys; (3, 10) <= sys.version_info < (3, 15) and print("$(name)")' 2>/dev/null)))
BIN := .venv/bin
# Tests start Python hundreds of times: what one process has compiled, the next one reads, whatever the shell says.
export PYTHONDONTWRITEBYTECODE :=
# Where all is there that Filebeat and Elasticsearch are made with; --check does not wait for logs, nor are those of an
# Airflow elsewhere taken unasked.
LOGS = $(if $(filter --check %none,$(ARGS)),,$(shell command -v go >/dev/null && command -v mvn >/dev/null \
	&& command -v javac >/dev/null && echo --logs))
NEWEST := $(shell sed -n 's/^NEWEST = "\(.*\)"/\1/p' windsock/airflow/versions.py)
AIRFLOW := .windsock/airflow-$(NEWEST)
REQUIREMENTS := demo/stack/requirements

help: ## Say what there is
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22
	@echo "Next: make demo"

install: .venv/installed $(AIRFLOW)/installed ## Install what is missing: programs, windsock into .venv, the demo's Airflow
	@echo "Next: make demo, or make test"

.venv/installed: pyproject.toml | programs
	@test -n "$(PYTHON)" || { echo "Python 3.10 to 3.14 is needed, with its venv module" >&2; exit 1; }
	@echo "installing windsock into .venv"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check "uv>=0.8"
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --editable ".[dev]"
	@touch $@

# The start of the demo keeps it up to date by itself.
$(AIRFLOW)/installed: $(REQUIREMENTS)/airflow-$(NEWEST).txt | .venv/installed
	@$(BIN)/windsock up --prepare
	@touch $@

programs:
	@scripts/programs.sh

test-programs:
	@scripts/programs.sh test

demo: .venv/installed ## Start everything on this machine, until Ctrl-C; ARGS=--check: until the first page
	@$(BIN)/windsock up $(LOGS) $(ARGS)
	@echo "Next: README.md says how to attach an Airflow of your own"

environments: .venv/installed
	@$(BIN)/python tests/real/environments.py

# Filebeat is built once, in minutes: no test waits for it.
shipping: test-programs $(AIRFLOW)/installed
	@$(BIN)/windsock up --prepare --logs

# So are the newest programs and servers that tests take.
tools: test-programs .venv/installed
	@$(BIN)/python tests/real/programs.py promtool prometheus amtool alertmanager statsd_exporter helm kubeconform
	@PYTHONPATH=tests $(BIN)/python -m real.elasticsearch

current: test-programs .venv/installed ## Build the newest Prometheus, Alertmanager, VictoriaMetrics, Thanos and statsd_exporter; the matrix takes them
	@$(BIN)/python tests/real/programs.py
	@echo "Next: make matrix"

quick: .venv/installed ## Run the tests that need no Airflow, no database server and no minutes
	@$(BIN)/python -m pytest -q --quick -n 4 $(ARGS)
	@echo "Next: make check, and make test before you ask for a review"

test: test-programs environments $(AIRFLOW)/installed shipping tools ## Run all tests, on real parts; ARGS: what pytest is given
	@$(BIN)/python -m pytest -n 5 --durations=20 $(ARGS)
	@echo "Next: make check"

matrix: test-programs environments $(AIRFLOW)/installed ## Run the checks of docs/matrix.md on the oldest and the newest programs; ARGS="rules": only these
	@$(BIN)/python tests/matrix/run.py $(ARGS)
	@echo "Next: make check"

check: .venv/installed $(AIRFLOW)/installed docs ## Lint, types, the pages, and whether what is generated is up to date
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/mypy benchmarks
	@$(BIN)/python scripts/catalog.py $(AIRFLOW)/bin/python --check
	@$(BIN)/windsock alerts build --check
	@$(BIN)/windsock dashboards build --check
	@$(BIN)/windsock logs build --check
	@$(BIN)/windsock logs build --check --config deploy/windsock.yaml --filebeat-version 8.19 --out deploy/filebeat
	@echo "Next: make build"

# Its makers' advertisement for their next program is not for whoever reads this output.
docs: .venv/installed ## Make the documentation site in build/site and for packages; a link that leads nowhere is an error
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet
	@echo "Next: .venv/bin/windsock docs, or .venv/bin/mkdocs serve while you write"

requirements: .venv/installed ## Pin the demo's and the tests' Airflows anew
	@for file in $(REQUIREMENTS)/airflow-*.in tests/real/requirements/airflow-*.in; do \
		case "$$file" in *airflow-3.4*) python=3.11;; *) python=3.10;; esac; \
		$(BIN)/uv pip compile --quiet --universal --python-version $$python --no-header --upgrade \
			"$$file" --output-file "$${file%.in}.txt" || exit 1; done
	@echo "Next: make test"

airflow: .venv/installed ## Say what Airflow VERSION changes for the catalogue, rules, panels and docs: make airflow VERSION=3.4.0b2
	@test -n "$(VERSION)" || { echo "which version? make airflow VERSION=3.4.0b2" >&2; exit 2; }
	@$(BIN)/uv venv --quiet --clear .windsock/versions/$(VERSION)
	@$(BIN)/uv pip install --quiet --prerelease if-necessary-or-explicit --python .windsock/versions/$(VERSION) "apache-airflow-core==$(VERSION)"
	@$(BIN)/python scripts/catalog.py .windsock/versions/$(VERSION)/bin/python --diff
	@echo "Next: make check"

build: .venv/installed docs ## Build the wheel and the sdist into dist/
	@$(BIN)/uv build --quiet
	@ls dist
	@echo "Next: pip install dist/*.whl, in an environment of your own"

release: .venv/installed docs ## Build what a release has: wheel, sdist, chart, bill of materials, sums; ARGS=--tag: and its signed tag
	@$(BIN)/python scripts/release.py $(ARGS)
	@echo "Next: $(if $(filter --tag,$(ARGS)),git push --tags,make release ARGS=--tag)"

clean: ## Remove all that these targets made
	@if [ -e .windsock/lock ] && ! flock --nonblock .windsock/lock true; then \
		echo "the demo runs: end it with Ctrl-C first" >&2; exit 1; fi
	@rm -rf .venv .windsock build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
	@echo "Next: make install"
