# Everything runs in a virtual environment of its own; PYTHON chooses the interpreter that makes it.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python -m
READY := $(VENV)/.ready

.PHONY: demo test lint types docs benchmark check clean

demo: $(READY)  ## Train on the real Indian Pines scene; report and figures in demo-output/
	$(VENV)/bin/hsvlm demo --output demo-output

test: $(READY)  ## Run every test and doctest; at least 95 % of the branches
	$(RUN) pytest --numprocesses auto --cov --cov-report term

lint: $(READY)  ## Check style and formatting
	$(RUN) ruff check .
	$(RUN) ruff format --check .

types: $(READY)  ## Check types
	$(RUN) mypy

docs: $(READY)  ## Build the documentation into docs/_build
	$(RUN) sphinx -W --keep-going -b html docs docs/_build/html

benchmark: $(READY)  ## Measure accuracy, the paper's tables and speed on Indian Pines (a night on two cores)
	$(RUN) benchmarks.accuracy --protocol all --seeds 4 --jobs 2
	$(RUN) benchmarks.accuracy --protocol all --seeds 4 --jobs 2 --ablation
	$(RUN) benchmarks.fields --jobs 2
	$(RUN) benchmarks.tables all --seeds 4 --jobs 2
	$(RUN) benchmarks.figure_2
	$(RUN) benchmarks.big_scene
	$(RUN) benchmarks.speed
	$(RUN) benchmarks.profiles
	$(RUN) benchmarks.growth

check: lint types docs test  ## All checks, without the demo

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(RUN) pip install --quiet --constraint constraints.txt --editable ".[dev]"
	touch $@

clean:  ## Remove the environment and everything built
	rm -rf $(VENV) docs/_build docs/api/generated docs/gallery demo-output .mypy_cache .ruff_cache .pytest_cache
