# `make` alone lists what can be made.
.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:

# The first Python on the path that is new enough; another one: make PYTHON=/path/to/python
PYTHON ?= $(shell for python in python3.13 python3.12 python3.11 python3; do \
	if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then echo $$python; break; fi; done)
VENV := .venv
BIN := $(VENV)/bin
# Two -q: only errors. The build backend is installed like the rest, so that constraints.txt pins it too.
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input -qq
CONSTRAINTS := --constraint constraints.txt
INSTALL := $(PIP) install $(CONSTRAINTS) hatchling editables setuptools wheel && $(PIP) install --no-build-isolation $(CONSTRAINTS)
# As an ordinary installation does; where PYTHONDONTWRITEBYTECODE is set, every start would compile anew.
COMPILE := $(BIN)/python -m compileall -q analyzer
APT := DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0
# A shell condition: the system's packages can be installed from here.
CAN_INSTALL := [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null

FUZZ_SECONDS ?= 60
FILE ?= sample_pcaps/809-fragments-lost.pcapng
export FILE

.PHONY: help run test lint tshark mutation fuzz bench notebooks docs lab lab-test samples constraints clean

help: ## what can be made
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

run: $(VENV)/.run ## analyse the sample ticket, or another capture: make run FILE=trace.pcapng
	@mkdir -p out
	@name=$$(basename -- "$$FILE"); status=0; \
	$(BIN)/ike-analyzer analyze "$$FILE" --plot "out/$${name%.*}.png" || status=$$?; \
	case $$status in 0|1|3) ;; *) exit $$status ;; esac # 1: found what is wrong; 3: the capture cannot tell

test: $(VENV)/.test tshark lint ## install what the tests need, run them all
	@$(BIN)/python -m pytest --numprocesses auto --maxprocesses 8

lint: $(VENV)/.test ## ruff and mypy
	@$(BIN)/ruff check --quiet
	@$(BIN)/mypy --no-error-summary

tshark:
	@command -v tshark >/dev/null && exit; \
	if $(CAN_INSTALL); then \
		echo "Installing tshark ..."; $(APT) update >/dev/null && \
		$(APT) install -y --no-install-recommends tshark >/dev/null && exit; \
	fi; \
	echo "tshark is not installed; the tests that need it are skipped. To install it: apt-get install tshark (as root)"

mutation: $(VENV)/.test ## put faults into the rules and see the tests notice: make mutation MODULES=frg
	@$(BIN)/python -m tests.mutation.run $(MODULES)

fuzz: $(VENV)/.test ## look for inputs that break a reader or parser: make fuzz FUZZ_SECONDS=600
	@$(INSTALL) --editable '.[test,fuzz]'
	@$(BIN)/python -m tests.fuzz.run --seconds $(FUZZ_SECONDS) $(TARGETS)

bench: $(VENV)/.test ## time and memory beside tshark, tcpdump, dpkt and pyshark: make bench BENCH_ARGS=--full
	@$(COMPILE)
	@$(BIN)/python -m tests.bench.bench $(BENCH_ARGS)

notebooks: $(VENV)/.test ## execute the notebooks in place
	@$(BIN)/python -W error -m tests.notebooks.execute notebooks/*.ipynb

docs: $(VENV)/.test ## write the page of each rule, and the examples that explain prints
	@$(BIN)/python -m tests.write_rule_pages

lab: $(VENV)/.run ## real IKE daemons, a broken network, labelled captures (as root): make lab NAMES=connected
	@$(BIN)/python -m sample_pcaps.lab.live $(NAMES) --out out/lab

lab-test: $(VENV)/.run ## four scenarios of the lab anew; the analyzer must say what the manifest says
	@$(BIN)/python -m sample_pcaps.lab.live --check --out out/lab connected no-proposal-chosen \
		rsa4096-later-fragments-dropped-down skf-lost-always-up

samples: $(VENV)/.test ## make the sample captures again
	@$(BIN)/python -m sample_pcaps.lab.maker --all

constraints: ## pin the newest versions that work together
	@$(MAKE) --no-print-directory VENV=build/constraints-venv CONSTRAINTS= build/constraints-venv/.test
	@{ sed -n '/^#/p' constraints.txt; \
	build/constraints-venv/bin/python -m pip freeze --exclude-editable | grep -E '^[A-Za-z0-9._-]+=='; } > build/constraints.txt
	@mv build/constraints.txt constraints.txt
	@rm -rf build/constraints-venv

clean: ## remove everything that was made
	@rm -rf $(VENV) build dist out .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# What is installed is installed once; it is done again when the pins or the project's own dependencies change.
$(VENV)/.run: $(BIN)/python pyproject.toml constraints.txt
	@echo "Installing into $(VENV) ..."
	@$(INSTALL) --editable .
	@$(COMPILE)
	@touch $@

$(VENV)/.test: $(BIN)/python pyproject.toml constraints.txt
	@echo "Installing into $(VENV), with what the tests need ..."
	@$(INSTALL) --editable '.[test]'
	@$(COMPILE)
	@touch $(VENV)/.run $@

$(BIN)/python:
	@[ -n "$(PYTHON)" ] || { echo "No Python 3.11 or newer found. To install it: apt-get install python3 (as root)" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null && exit; \
	venv=$$($(PYTHON) -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])'); \
	if $(CAN_INSTALL); then \
		echo "Installing $$venv ..."; $(APT) update >/dev/null && \
		$(APT) install -y --no-install-recommends $$venv >/dev/null && exit; \
	fi; \
	echo "$(PYTHON) cannot create environments. To install what is missing: apt-get install $$venv (as root)" >&2; exit 1
	@$(PYTHON) -m venv --clear $(VENV)
