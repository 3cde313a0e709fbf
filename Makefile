# Everything runs in a virtual environment of its own; PYTHON chooses the interpreter that makes it,
# and CONSTRAINTS= (empty) installs the newest releases instead of those that are known to work.
PYTHON ?= python3
CONSTRAINTS ?= --constraint constraints.txt
VENV := .venv
RUN := $(VENV)/bin/python -m
READY := $(VENV)/.ready
# The tools of the workshop have an environment of their own, as they share nothing with hsvlm.
TOOLS := .venv-tools
TOOLS_READY := $(TOOLS)/.ready
FLOORS := .venv-floors
WHEEL := .venv-wheel
# The oldest Python that is supported: the lowest dependencies have no wheels for newer ones.
OLDEST_PYTHON := 3.11
FUZZ_ROUNDS ?= 10

# Of what is installed, only what is imported is compiled, once: that takes half the time of an
# installation, if Python may keep what it compiled.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test coverage test-fast lint types docs check workflows floors fuzz speed-gate dist smoke benchmark clean

help:  ## List the targets
	@sed -n 's/^\([a-z-]*\):.*  ## /\1|/p' Makefile | awk -F'|' '{ printf "make %-11s %s\n", $$1, $$2 }'

demo: $(READY)  ## Train on the real Indian Pines scene; report and figures in demo-output/
	$(VENV)/bin/hsvlm demo --output demo-output

test: $(READY)  ## Run every test and doctest
	$(RUN) pytest --numprocesses auto

coverage: $(READY)  ## The same, and ask for 95 % of the branches; takes longer
	$(RUN) pytest --numprocesses auto --cov --cov-report term

test-fast: $(READY)  ## Run the tests that are not marked slow
	$(RUN) pytest --numprocesses auto -m "not slow"

lint: $(READY)  ## Check style and formatting
	$(RUN) ruff check .
	$(RUN) ruff format --check .

types: $(READY)  ## Check types
	$(RUN) mypy

docs: $(READY)  ## Build the documentation into docs/_build
	$(RUN) sphinx -W --keep-going -b html docs docs/_build/html

check:  ## Run exactly what continuous integration runs on every change
	@bash .ci/run

workflows: $(TOOLS_READY)  ## Check the workflows and templates in .github, and CITATION.cff
	$(TOOLS)/bin/zizmor --offline --persona pedantic .github
	$(TOOLS)/bin/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(TOOLS)/bin/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	$(TOOLS)/bin/check-jsonschema --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/[bf]*.yml
	$(TOOLS)/bin/check-jsonschema --builtin-schema vendor.github-issue-config .github/ISSUE_TEMPLATE/config.yml
	$(TOOLS)/bin/check-jsonschema --builtin-schema vendor.citation-file-format CITATION.cff

floors: $(TOOLS_READY)  ## Install the lowest direct dependencies; run the fast tests and build the documentation there
	$(TOOLS)/bin/uv venv --quiet --clear --python $(OLDEST_PYTHON) $(FLOORS)
	$(TOOLS)/bin/python .ci/floors.py --build > $(FLOORS)/build.txt
	$(TOOLS)/bin/uv pip install --quiet --python $(FLOORS) --resolution lowest-direct --build-constraints $(FLOORS)/build.txt --editable ".[dev]"
	$(FLOORS)/bin/python .ci/floors.py
	$(FLOORS)/bin/python -m pytest --numprocesses auto -m "not slow"
	$(FLOORS)/bin/python -m sphinx -b html docs docs/_build/floors

fuzz: $(READY)  ## Run the property tests on many new random inputs, FUZZ_ROUNDS times
	for round in $$(seq $(FUZZ_ROUNDS)); do \
		HYPOTHESIS_PROFILE=long $(RUN) pytest --numprocesses auto -m hypothesis || exit 1; \
	done

speed-gate: $(READY)  ## Compare speed with what the machine and other code reach in the same run
	$(RUN) benchmarks.speed_gate

dist: $(TOOLS_READY)  ## Build the source archive and the wheel into dist/, and check both
	rm -rf dist
	$(TOOLS)/bin/python -m build
	$(TOOLS)/bin/python -m twine check --strict dist/*

smoke:  ## Install the wheel in dist/ into an empty environment and try it there
	rm -rf $(WHEEL)
	$(PYTHON) -m venv $(WHEEL)
	$(WHEEL)/bin/python -m pip install --quiet $(CONSTRAINTS) dist/*.whl
	$(WHEEL)/bin/python -I .ci/smoke.py dist/*.whl

benchmark: $(READY)  ## Measure accuracy, the paper's tables and speed on Indian Pines (a night on two cores)
	$(RUN) benchmarks.accuracy --protocol all --seeds 4 --jobs 2
	$(RUN) benchmarks.accuracy --protocol all --seeds 4 --jobs 2 --ablation
	$(RUN) benchmarks.fields --jobs 2
	$(RUN) benchmarks.tables all --seeds 4 --jobs 2
	$(RUN) benchmarks.figure_2
	$(RUN) benchmarks.big_scene
	$(RUN) benchmarks.speed
	$(RUN) benchmarks.overhead
	$(RUN) benchmarks.profiles
	$(RUN) benchmarks.growth
	$(RUN) benchmarks.readout_growth
	$(RUN) benchmarks.report_pages

clean:  ## Remove the environments and everything built
	rm -rf $(VENV) $(TOOLS) $(FLOORS) $(WHEEL) dist docs/_build docs/api/generated docs/gallery demo-output .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(RUN) pip install --quiet --no-compile $(CONSTRAINTS) --editable ".[dev]"
	touch $@

$(TOOLS_READY): .ci/tools.txt
	$(PYTHON) -m venv $(TOOLS)
	$(TOOLS)/bin/python -m pip install --quiet --requirement .ci/tools.txt
	touch $@
