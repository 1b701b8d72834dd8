# Everything runs in .venv, which is built on first use from constraints.txt.
#
# TORCH_INDEX   where your own package index gives a CUDA build of torch: the index with CPU wheels, as PyTorch documents it
# PYTHON        the Python 3.11 or newer that .venv is made with
PYTHON ?= python3
TORCH_INDEX ?=
BIN := .venv/bin
MIXED := build/mixed_math_code
export HF_HUB_OFFLINE ?= 1
# bytecode is written on first use, not by pip: of 30,000 modules one in five is ever imported
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help venv demo demo-mixed test test-fast test-processes test-whole-system test-faults lint types docs benchmarks clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

venv: .venv/.installed ## Build .venv with verl, vLLM and torch for CPUs
.venv/.installed: constraints.txt pyproject.toml
	test -d .venv || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q --upgrade 'pip<26.2'
	$(BIN)/python -m pip install -q --no-compile --no-deps $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) -r constraints.txt
	$(BIN)/python -m pip install -q --no-deps --no-build-isolation -e .
	touch $@

demo: venv ## Grade, level, train in two stages, evaluate: MODEL=… CONTROL=uniform|hard_only|random_reward SEED=…
	$(BIN)/python examples/quickstart/demo.py $(if $(MODEL),--model $(MODEL)) $(if $(CONTROL),--control $(CONTROL)) $(if $(SEED),--seed $(SEED))

demo-mixed: venv $(MIXED)/model/tokenizer.json ## Train math and code in one batch, 2 to 1 in every step, with a sandbox
	$(BIN)/stagerl train examples/mixed_math_code/mixed.yaml
	$(BIN)/python examples/mixed_math_code/show.py

$(MIXED)/model/tokenizer.json: | venv
	$(BIN)/python examples/mixed_math_code/make.py

lint: venv ## Check style and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: venv ## Check types
	$(BIN)/mypy

test-fast: venv ## Unit and property tests, less than a minute
	$(BIN)/pytest -q -n auto --maxprocesses 4 --dist loadfile tests/fast -m "not faults"

test-processes: venv ## Tests that start, kill and wait for processes of ours
	$(BIN)/pytest -q -n auto --maxprocesses 4 --dist loadfile tests/processes

# two files at a time: each of them has one run at a time, and both together need less than 15 GB
test-whole-system: venv ## Tests with real verl, Ray and vLLM
	$(BIN)/pytest -q -x -n 2 --dist loadfile --no-loadscope-reorder --durations=30 tests/whole_system -m "not faults and not service"

test: lint types test-fast test-processes test-whole-system ## All of the above: what must pass before anything lands

test-faults: venv ## The long kill matrix
	$(BIN)/pytest -q tests -m faults

docs: venv ## Build the documentation into site/, strictly
	$(BIN)/mkdocs build --strict

benchmarks: venv ## Run every benchmark
	for script in benchmarks/*.py; do $(BIN)/python $$script; done

clean: ## Remove what was built, .venv included
	rm -rf .venv build dist site
