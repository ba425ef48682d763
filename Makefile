# `make help` lists the commands. Each sets up .venv first if it is missing or out of date.

VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.installed
MUTATE := $(VENV)/.mutate
COURSE_TOOLS := $(VENV)/.course
WEB := $(VENV)/.web
BROWSER := $(VENV)/.browser

# make run CHAPTERS="02 07"      only these chapters (also for update and bands)
CHAPTERS ?=
# make setup TORCH_INDEX=cpu     the smaller build of torch, without CUDA (Linux)
TORCH_INDEX ?=
# make setup PYTHON=/path/to/python3.12
# D2LMINI_INSTALL=no make run    never install Debian's package of the data, not even as root
PYTHON ?=

# make serve PORT=8001           the port of the site on this machine
PORT ?= 8000
# make mutate SEED=2             another sample of faults
#   TOGETHER=1                   the chapters judge only what the tests let pass: a third of the time
SEED ?= 1
TOGETHER ?=

# CHROMIUM=/path/to/chrome make test-browser   a browser that isn't found by its name

# make grade SUBMISSIONS=folder  a folder for each student; the gradebook is in the folder COURSE
#   SET=ps1                      only this problem set
#   SCHEDULER=tcp://host:8786    on the workers of a Dask scheduler
#   UNSAFE=1                     without bubblewrap: hand-ins may do all that you may
# make assignments RELEASE=folder  releases into another folder
SUBMISSIONS ?=
COURSE ?= course
RELEASE ?= build/assignments
SET ?=
SCHEDULER ?=
UNSAFE ?=
NOTEBOOK ?=
# make test-course LONG=1         attacks, every answer through the whole grader, Dask: what make test leaves out
LONG ?=

PIP_INDEX := $(if $(TORCH_INDEX),--extra-index-url https://download.pytorch.org/whl/$(TORCH_INDEX))
PYTEST := $(PY) -m pytest
NBPROOF := $(PY) -m nbproof
GRADING := OMP_NUM_THREADS=1 $(PY) -m grading
# Two files at a time, each kernel with one thread; the last chapters, which take minutes, first.
TWO := OMP_NUM_THREADS=1 $(PYTEST) --nbval -n 2 --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help setup run test test-fast lint lab update bench bands choose clean data
.PHONY: assignments test-assignments example-class grade check test-course mutate-course
.PHONY: book pdf serve test-book test-browser
.PHONY: test-nbproof mutate mutate-outputs stability verdicts cost proof-table

help:  ## this list
	@echo 'make COMMAND, where COMMAND is one of'
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-15s %s\n", $$1, $$2 }' Makefile
	@echo 'CHAPTERS="02 07" selects chapters for run, update and bands; PYTHON=python3.12 the Python for .venv.'
	@echo 'TORCH_INDEX=cpu installs the smaller build of torch without CUDA (pip: --extra-index-url'
	@echo '  https://download.pytorch.org/whl/cpu).'
	@echo 'D2LMINI_INSTALL=no forbids root to install the data by apt.'

setup: $(STAMP)  ## make .venv and install everything

run: data  ## run the chapters into build/ and print each one's result
	@$(NBPROOF) run $(CHAPTERS)

test: lint data test-nbproof test-assignments test-book  ## lint, unit tests, doctests, and every chapter against its stored outputs
	@chapters="$$($(NBPROOF) list --reverse)" && $(TWO) $$chapters README.md tests d2lmini

test-fast: lint data  ## the same without the chapters that train networks
	@chapters="$$($(NBPROOF) list --reverse --fast)" && $(TWO) $$chapters README.md tests d2lmini

test-nbproof: $(STAMP)  ## the tests of nbproof, which compares the outputs
	@cd nbproof && OMP_NUM_THREADS=1 ../$(PYTEST) -n 2 --dist loadfile

test-assignments: $(COURSE_TOOLS)  ## the tests of the problem sets and of their grader, but for the long ones
	@cd assignments && OMP_NUM_THREADS=1 ../$(PYTEST) --nbval -n 2 --dist loadfile

test-book: book  ## the tests of the web edition, on the site they build
	@$(PYTEST) book

test-browser: $(BROWSER) book pdf  ## the site, the PDF and JupyterLab in Chromium
	@OMP_NUM_THREADS=1 $(PYTEST) browser -n 2 --dist loadfile

lint: $(STAMP)  ## ruff on modules and notebooks, oxlint on scripts
	@$(PY) -m ruff check . && $(PY) -m ruff format --check . && $(VENV)/bin/oxlint --deny-warnings d2lmini book

lab: $(STAMP)  ## JupyterLab on the notebooks
	@$(PY) -m jupyterlab --notebook-dir=notebooks

book: $(WEB)  ## build the web edition into build/book; nothing is run
	@$(PY) book/build.py

pdf: $(WEB) $(BROWSER)  ## print the book into build/book.pdf, by Chromium
	@$(PY) book/pdf.py

serve:  ## show the web edition at http://localhost:8000
	@test -f build/book/index.html || $(MAKE) book
	@$(PY) -m http.server $(PORT) --bind localhost --directory build/book

update: data  ## run the chapters and store their outputs in notebooks/
	@$(NBPROOF) update $(CHAPTERS)

bench: data $(COURSE_TOOLS)  ## measure training, cross-correlation, NumPy's LeNet, folding, loading, grading
	@OPENBLAS_NUM_THREADS=1 $(PY) tools/bench.py
	@$(GRADING) bench --set ps1

bands: data  ## measure, over seeds, the bands that training must keep (an hour and more)
	@$(NBPROOF) bands $(CHAPTERS)

choose: data  ## choose the recipes of chapters 7 and 8 on validation images (hours; goes on where it was)
	@$(PY) tools/choose.py --seeds 3

mutate: data $(MUTATE)  ## put faults into d2lmini: do chapters and unit tests notice? (an hour)
	@OMP_NUM_THREADS=1 $(NBPROOF) mutate --seed $(SEED) $(if $(TOGETHER),--together)

mutate-outputs: data  ## change stored outputs: does the test notice?
	@OMP_NUM_THREADS=1 $(NBPROOF) mutate-outputs

stability: data  ## run the chapters under other settings: is there a false alarm? (an hour)
	@$(NBPROOF) stability

verdicts: data  ## judge the golden notebooks and the faults of the machine
	@$(PY) tests/verdicts.py

cost: data  ## time the notebook plugin against plain nbval
	@$(NBPROOF) cost

proof-table: $(STAMP)  ## write what these measured into the READMEs of nbproof, tests and assignments
	@$(PY) tests/proof_tables.py

assignments: $(COURSE_TOOLS)  ## write what students get of the problem sets into RELEASE/release
	@$(GRADING) release $(RELEASE) $(if $(SET),--set $(SET))

check: $(COURSE_TOOLS)  ## check your own problem set: make check NOTEBOOK=ps1.ipynb
	@$(GRADING) check "$(NOTEBOOK)"

example-class: $(COURSE_TOOLS)  ## thirty hand-ins to try the grading on, in build/example-class
	@rm -rf build/example-class && $(GRADING) example build/example-class $(if $(SET),--set $(SET))

grade: $(COURSE_TOOLS)  ## grade hand-ins: make grade SUBMISSIONS=folder (goes on where it was)
	@$(GRADING) grade "$(SUBMISSIONS)" "$(COURSE)" $(if $(SET),--set $(SET)) \
	  $(if $(SCHEDULER),--scheduler $(SCHEDULER)) $(if $(UNSAFE),--unsafe)

test-course: $(COURSE_TOOLS)  ## all tests of the course; LONG=1: only the long ones, which make test leaves out
	@cd assignments && OMP_NUM_THREADS=1 ../$(PYTEST) --nbval -n 2 --dist loadfile -m "$(if $(LONG),full,full or not full)"

mutate-course: $(COURSE_TOOLS)  ## wrong answers, one at a time: do they lose their marks, and only theirs?
	@$(GRADING) mutate --results tests/proofs.json $(if $(SET),--set $(SET))

clean:  ## remove what was built, .venv too
	rm -rf $(VENV) build dist *.egg-info nbproof/build nbproof/src/*.egg-info .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +

data: $(STAMP)
	@$(PY) tools/get_data.py

# The environment is kept when it works, and pip moves only what changed. The font list is
# built here, because matplotlib would announce it in the first notebook's output.
$(STAMP): pyproject.toml nbproof/pyproject.toml constraints.txt
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
	$(PY) -m pip install --quiet --disable-pip-version-check $(PIP_INDEX) -c constraints.txt -e ./nbproof -e '.[book,test]'; \
	$(PY) -c 'import matplotlib.font_manager'; \
	touch $@

$(MUTATE): $(STAMP)
	@$(PY) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e './nbproof[mutate]'
	@touch $@

$(COURSE_TOOLS): $(STAMP) assignments/pyproject.toml
	@$(PY) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ./assignments
	@touch $@

$(WEB): $(STAMP)
	@$(PY) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[web]'
	@touch $@

$(BROWSER): $(STAMP)
	@$(PY) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[browser]'
	@touch $@
