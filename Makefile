# `make help` lists the commands. Each sets up .venv first if it is missing or out of date.

VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.installed

# make run CHAPTERS="02 07"      only these chapters (also for update)
CHAPTERS ?=
# make setup TORCH_INDEX=cpu     the smaller build of torch, without CUDA (Linux)
TORCH_INDEX ?=
# make setup PYTHON=/path/to/python3.12
PYTHON ?=

PIP_INDEX := $(if $(TORCH_INDEX),--extra-index-url https://download.pytorch.org/whl/$(TORCH_INDEX))
PYTEST := $(PY) -m pytest --nbval
PROOF := PYTHONPATH=tests/proof:tests:tools $(PY)

.DEFAULT_GOAL := help
.PHONY: help setup run test test-fast lint lab update bench bands clean data
.PHONY: mutate mutate-outputs stability verdicts cost proof-table

help:  ## this list
	@echo 'make COMMAND, where COMMAND is one of'
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-15s %s\n", $$1, $$2 }' Makefile
	@echo 'CHAPTERS="02 07" selects chapters for run and update; PYTHON=python3.12 the Python for .venv.'
	@echo 'TORCH_INDEX=cpu installs the smaller build of torch without CUDA (pip: --extra-index-url'
	@echo '  https://download.pytorch.org/whl/cpu).'

setup: $(STAMP)  ## make .venv and install everything

run: data  ## run the chapters into build/ and print each one's result
	@$(PY) tools/run_chapters.py $(CHAPTERS)

test: lint data  ## lint, unit tests, doctests, and every chapter against its stored outputs
	@chapters="$$($(PY) tools/chapters.py)" && $(PYTEST) README.md tests d2lmini $$chapters

# Two files at a time, each kernel with one thread. A notebook's cells must stay in one process.
test-fast: lint data  ## the same without the chapters that train networks
	@chapters="$$($(PY) tools/chapters.py --fast)" && \
	  OMP_NUM_THREADS=1 $(PYTEST) -n 2 --dist loadfile README.md tests d2lmini $$chapters

lint: $(STAMP)  ## ruff, on modules and notebooks
	@$(PY) -m ruff check . && $(PY) -m ruff format --check .

lab: $(STAMP)  ## JupyterLab on the notebooks
	@$(PY) -m jupyterlab --notebook-dir=notebooks

update: data  ## run the chapters and store their outputs in notebooks/
	@$(PY) tools/update_outputs.py $(CHAPTERS)

bench: data  ## measure training, cross-correlation, loading, importing
	@$(PY) tools/bench.py

bands: data  ## measure again, over seeds, the bands that training must keep (an hour and more)
	@$(PY) tools/measure_bands.py $(CHAPTERS)

mutate: data  ## put faults into d2lmini: do the chapters notice? (an hour)
	@OMP_NUM_THREADS=1 $(PROOF) tests/proof/mutate_package.py

mutate-outputs: data  ## change stored outputs: does the test notice?
	@OMP_NUM_THREADS=1 $(PROOF) tests/proof/mutate_outputs.py

stability: data  ## run the chapters under other settings: is there a false alarm? (an hour)
	@$(PROOF) tests/proof/stability.py

verdicts: data  ## judge the golden notebooks and the faults of the machine
	@$(PROOF) tests/proof/verdicts.py

cost: data  ## time the notebook plugin against plain nbval
	@$(PROOF) tests/proof/cost.py

proof-table: $(STAMP)  ## write what these measured into tests/README.md
	@$(PROOF) tests/proof/table.py

clean:  ## remove what was built, .venv too
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +

data: $(STAMP)
	@$(PY) tools/get_data.py

# The environment is kept when it works, and pip moves only what changed. The font list is
# built here, because matplotlib would announce it in the first notebook's output.
$(STAMP): pyproject.toml constraints.txt
	@set -e; ok='import sys; sys.exit(sys.version_info < (3, 11))'; \
	if ! $(PY) -c "$$ok" 2>/dev/null; then \
	  python=''; \
	  for p in $(if $(PYTHON),"$(PYTHON)",python3 python3.14 python3.13 python3.12 python3.11 python); do \
	    if "$$p" -c "$$ok" 2>/dev/null; then python="$$p"; break; fi; \
	  done; \
	  if [ -z "$$python" ]; then \
	    echo 'setup: no Python 3.11 or newer found$(if $(PYTHON), as "$(PYTHON)"). Install one, or name it: make setup PYTHON=/path/to/python3' >&2; exit 1; \
	  fi; \
	  echo "setup: making $(VENV) with $$("$$python" --version)"; \
	  "$$python" -m venv --clear $(VENV); \
	fi; \
	$(PY) -m pip --version >/dev/null 2>&1 || $(PY) -m ensurepip >/dev/null; \
	echo 'setup: installing packages (torch is large: a few minutes the first time)'; \
	$(PY) -m pip install --quiet --disable-pip-version-check $(PIP_INDEX) -c constraints.txt -e '.[test]'; \
	$(PY) -c 'import matplotlib.font_manager'; \
	touch $@
