# golf-audit: everything runs in .venv, which the first target that needs it makes.
# A bare machine needs python3 (3.11 to 3.13) with venv, and make.

PYTHON ?= python3
# One known build for the tests; the CPU's where the machine has no use for CUDA: make TORCH_INDEX=... test
TORCH ?= torch==2.13.0
TORCH_INDEX ?=
VENV := .venv
BIN := $(VENV)/bin
# Compiling all of torch and what comes with it takes longer than the tests' own imports of it do.
PIP := $(BIN)/python -m pip install --quiet --no-compile
# Every core; a part of the tests alone is sooner done by one: make test PYTEST_ARGS=tests/reports
PYTEST_ARGS ?= --numprocesses auto --dist worksteal
# The tests start hundreds of interpreters: what one of them compiled, the next one finds.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo reproduce test fuzz transforms truth cluster-test lint format readme cues docs site findings clean

demo: $(VENV)/.ready  ## audit the examples and print the reports
	$(BIN)/golf-audit check --exit-zero examples/records/*/*

reproduce: $(VENV)/.ready-reproduce  ## run three seeds of the reference model's demo and judge them; goes on where it was
	$(BIN)/golf-audit reproduce --seeds 3 --resume --exit-zero $(REPRODUCE_ARGS)

test: $(VENV)/.ready-dev  ## run the tests
	$(BIN)/pytest $(PYTEST_ARGS)

# What is made of scripts of others, too: a git directory with pull requests' heads, and JSON lines with a field "pr".
ON_OTHERS = $(if $(CLONE),GOLF_AUDIT_CLONE=$(CLONE) GOLF_AUDIT_PRS=$(PRS))
SECONDS ?= 600

fuzz: $(VENV)/.ready-dev  ## audit scripts mixed up at random for SECONDS (CLONE=… PRS=…: those of others)
	$(ON_OTHERS) GOLF_AUDIT_FUZZ=$(SECONDS) $(BIN)/pytest tests/transforms/test_mutants.py

transforms: $(VENV)/.ready-dev  ## every example written in every other way (CLONE=… PRS=…: and 60 scripts of others)
	$(ON_OTHERS) GOLF_AUDIT_EVERY=1 $(BIN)/pytest --numprocesses auto tests/transforms

truth: $(VENV)/.ready-dev  ## every sentence of a sweep's reports held against the lines that it names (RESULTS=… CLONE=…)
	GOLF_AUDIT_RESULTS=$(RESULTS) GOLF_AUDIT_CLONE=$(CLONE) $(BIN)/pytest -s tests/truth

cluster-test: $(VENV)/.ready-dev  ## sweeps on a Ray cluster of three nodes on this machine, with nodes and drivers killed (minutes)
	$(PIP) --editable '.[cluster]'
	GOLF_AUDIT_CLUSTER=1 $(BIN)/pytest -v tests/executors tests/campaign

lint: $(VENV)/.ready-dev  ## check style, form, types, and what imports what
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: $(VENV)/.ready-dev  ## put the code into its form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

readme: $(VENV)/.ready  ## put the report that check prints into README.md
	$(BIN)/python tests/cli/test_readme.py

cues: $(VENV)/.ready-dev  ## work out anew which words a text must have for a pattern to match it: auditor/cues.json
	PYTHONPATH=. $(BIN)/python tests/test_cues.py

docs: $(VENV)/.ready-dev  ## write the pages that come from the code: rules, examples, commands, schemas
	$(BIN)/python -m reports.pages docs/rules
	PYTHONPATH=. $(BIN)/python tests/reports/test_example_comments.py
	$(BIN)/python -m auditor.cli._pages docs/commands.md
	$(BIN)/golf-audit schema > docs/schema/check-1.json
	$(BIN)/golf-audit schema --config > docs/schema/config.json

site: $(VENV)/.ready-dev  ## build the documentation's site in build/site, and check every link between its pages
	$(PIP) --group site
	$(BIN)/mkdocs build --strict --quiet
	@echo "build/site/index.html; $(BIN)/mkdocs serve shows it"

findings:  ## run every script of findings/: what libraries do otherwise than one would guess (installs them, pinned)
	@failed=; for script in findings/*.sh; do \
	  echo "== $$script"; PYTHON=$(PYTHON) $$script || failed="$$failed $$script"; \
	done; test -z "$$failed" || { echo "no longer so:$$failed" >&2; exit 1; }

clean:  ## remove what the targets made
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/.ready: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
	  || { echo "golf-audit needs Python 3.11 to 3.13; set PYTHON=/path/to/python3" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) --upgrade 'pip>=25.1'
	$(PIP) --editable .
	@touch $@

$(VENV)/.ready-reproduce: $(VENV)/.ready
	$(PIP) $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) '$(TORCH)'
	$(PIP) --editable '.[reproduce]'
	@touch $@

$(VENV)/.ready-dev: $(VENV)/.ready
	$(PIP) $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) '$(TORCH)'
	$(PIP) --group dev
	@touch $@
