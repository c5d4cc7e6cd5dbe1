# `make` alone lists what can be made.
.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:

# The first Python that is new enough; another one: make PYTHON=/path/to/python
PYTHON ?= $(shell sh make/python.sh)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python make/say.py $(BIN)/python -m pip --disable-pip-version-check --no-input install --progress-bar off
CONSTRAINTS := --constraint constraints.txt
# What builds is installed first and like the rest, so that constraints.txt pins it too.
BUILD_TOOLS := $(shell sed -n 's/^\# build tools: //p' constraints.txt)
INSTALL := $(PIP) $(CONSTRAINTS) $(BUILD_TOOLS) && $(PIP) --no-build-isolation $(CONSTRAINTS)
# As an ordinary installation does; where PYTHONDONTWRITEBYTECODE is set, every start would compile anew.
COMPILE := $(BIN)/python -m compileall -q analyzer
# Installs packages of the system, or says in one line which: its first argument is what they are needed for.
SYSTEM = PYTHON=$(PYTHON) sh make/system.sh

EXTRAS := test
FUZZ_SECONDS ?= 60
FILE ?= sample_pcaps/809-fragments-lost.pcapng
export FILE

.PHONY: help run quick test test-large test-fresh test-daemons lint programs baseline mutation fuzz bench notebooks docs lab lab-test samples \
	constraints clean

help: ## what can be made
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

run: $(VENV)/.run ## analyse the sample ticket, or another capture: make run FILE=trace.pcapng
	@mkdir -p out
	@name=$$(basename -- "$$FILE"); status=0; \
	$(BIN)/ike-analyzer analyze "$$FILE" --plot "out/$${name%.*}.png" || status=$$?; \
	case $$status in 0|1|3) ;; *) exit $$status ;; esac # 1: found what is wrong; 3: the capture cannot tell

PYTEST := $(BIN)/python -m pytest --numprocesses auto --maxprocesses 8 --dist worksteal
# What needs no other program, no network of processes and no long search; with every Python in make test-fresh.
QUICK := -m "not (tshark or captures or large)" analyzer tests/rules tests/frames tests/remedies \
	tests/fresh tests/test_constraints.py tests/test_analysis.py

quick: $(VENV)/.test ## the tests of single parts, without tshark: under a minute
	@$(PYTEST) $(QUICK)

test: $(VENV)/.test programs lint ## install what the tests need, run them all: under six minutes
	@$(PYTEST)

test-large: $(VENV)/.test ## packed captures of 200 MB, in every packer; every real capture packet by packet
	@IKE_ANALYZER_ALL_CAPTURES=1 $(PYTEST) tests/formats/test_opening.py -k packet_by_packet
	@$(PYTEST) -m large

# PARTS=python-3.12: one part of it. SUITE=test: with each Python all tests, not only the quick ones.
test-fresh: $(VENV)/.test ## make run and make test where nothing is installed: in clones, and in a Debian 12 (as root)
	@SUITE=$(SUITE) sh tests/fresh/run.sh $(PARTS)

# Debian's Libreswan and strongSwan exclude each other: one of them is unpacked.
test-daemons: $(VENV)/.test ## settings that we print, read by the daemons' own parsers (as root: installs them)
	@$(SYSTEM) "The parsers of strongSwan, Libreswan, OpenIKED, tcpdump and iptables are needed" \
		$$($(BIN)/python -m sample_pcaps.lab.live.requirements)
	@$(BIN)/python -m sample_pcaps.lab.live.libreswan build/daemons
	@$(BIN)/python -m pytest tests/daemons

lint: $(VENV)/.test ## ruff, its formatter, and mypy
	@$(BIN)/ruff check --quiet && $(BIN)/ruff format --check --quiet
	@$(BIN)/mypy --no-error-summary

programs:
	@for program in tshark tcpdump git; do \
		command -v $$program >/dev/null || $(SYSTEM) "The tests that need $$program are skipped" $$program || true; done

baseline: $(VENV)/.test ## what do we say otherwise than the frozen commit: make baseline BASELINE=--quick
	@$(BIN)/python -m tests.baseline.run $(BASELINE)

mutation: $(VENV)/.test ## put faults into rules and relate and see the tests notice: make mutation MODULES=frg
	@$(BIN)/python -m tests.mutation.run $(MODULES)

fuzz: $(VENV)/.test ## look for inputs that break a reader or parser: make fuzz FUZZ_SECONDS=600
	@$(INSTALL) --editable '.[test,fuzz]'
	@$(BIN)/python -m tests.fuzz.run --seconds $(FUZZ_SECONDS) $(TARGETS)

bench: $(VENV)/.test ## time and memory beside tshark, tcpdump, dpkt and pyshark: make bench BENCH_ARGS=--full
	@$(COMPILE)
	@$(BIN)/python -m tests.bench.bench $(BENCH_ARGS)

notebooks: $(VENV)/.test ## execute the notebooks in place
	@$(BIN)/python -W error -m tests.notebooks.execute notebooks/*.ipynb

docs: $(VENV)/.test ## write the page of each rule, the tables of the JSON report, and the examples that explain prints
	@$(BIN)/python -m tests.write_rule_pages
	@$(BIN)/python -m tests.write_json_fields

lab: $(VENV)/.run ## real IKE daemons, a broken network, labelled captures (as root): make lab NAMES=connected
	@$(BIN)/python -m sample_pcaps.lab.live $(NAMES) --out out/lab

lab-test: $(VENV)/.run ## four scenarios of the lab anew; the analyzer must say what the manifest says
	@$(BIN)/python -m sample_pcaps.lab.live --check --out out/lab connected no-proposal-chosen \
		rsa4096-later-fragments-dropped-down skf-lost-always-up

samples: $(VENV)/.test ## make the sample captures again
	@$(BIN)/python -m sample_pcaps.lab.maker --all

constraints: ## pin the newest versions that work together
	@MAKE="$(MAKE)" sh make/constraints.sh

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
	@$(INSTALL) --editable '.[$(EXTRAS)]'
	@$(COMPILE)
	@touch $(VENV)/.run $@

$(BIN)/python:
	@[ -n "$(PYTHON)" ] || { echo "No Python 3.11 or newer is here. To install it on Debian or Ubuntu:" \
		"apt-get install python3 (as root; Ubuntu 22.04: python3.11)" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || $(SYSTEM) "$(PYTHON) cannot create environments" \
		$$($(PYTHON) -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
	@$(PYTHON) -m venv --clear $(VENV)
