# Every target sets up what it needs: on a fresh machine with Python 3.11+ and make, any of them can be the first.
#   make lectures [ONLY=09]   run the lecture, write the pages under build/lectures, build the site
#   make site                 the reader's site alone, from the stored outputs: build/site/index.html
#   make slides [ONLY=09]     the notebooks as slides, under build/slides
#   make homework             student versions, solutions and nbgrader's course, under build/homework
#   make lab                  JupyterLab at the notebooks
#   make test                 all tests
#   make compat               stored outputs on other processors and on one core
#   make long                 the tests that take minutes: faults, hostile input, wrong programs
#   make audit [ONLY=09]      wrong programs, under which the claims must fail: build/audit.html
#   make study [ONLY=text]    the stored studies again, into build/study: epoch 3 minutes, text half an hour
#   make domains [ONLY=04]    the claims at settings beside the notebooks' own: site/domains.json
#   make seeds [ONLY=09]      the claims at ten seeds that the notebooks were not written with
#   make versions [ONLY=lowest]  tests and stored outputs with the lowest and the newest versions allowed
#   make benchmark [ONLY=theory]  side by side with other tools: the table of benchmarks/README.md
#   make wheel                the package to install without a checkout: build/wheel
#   make notebooks [ONLY=09]  re-execute and store the notebooks (authors)
PYTHON ?= python3
ONLY ?=
# Relative paths only: the checkout may lie in a folder with a space in its name.
BIN := .venv/bin
READY := .venv/.ready

.PHONY: wheel lectures site slides homework lab test compat long audit domains seeds study versions benchmark notebooks lock clean

lectures: $(READY)
	@$(BIN)/python -m workshop.cli run --strict $(ONLY)
	@$(BIN)/python -m workshop.site

site: $(READY)
	@$(BIN)/python -m workshop.site

slides: $(READY)
	@$(BIN)/python -m workshop.site.decks $(ONLY)

homework: $(READY)
	@$(BIN)/python -m workshop.grading.release

lab: $(READY)
	@$(BIN)/python -m jupyterlab --ServerApp.root_dir=. --LabApp.default_url=/lab/tree/notebooks

test: $(READY)
	@$(BIN)/python -m ruff check .
	@$(BIN)/python -m ruff format --check .
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/python -m mypy
	@$(BIN)/python -m pytest -n 2 -m "not compat and not long"

compat: $(READY)
	@$(BIN)/python -m pytest -n 2 --dist=load -m "$(or $(WHICH),compat)" tests/workshop/test_compatibility.py

long: $(READY)
	@$(BIN)/python -m pytest -n 2 -m "$(or $(WHICH),long)" tests

audit: $(READY)
	@$(BIN)/python -m workshop.audit $(ONLY)

domains: $(READY)
	@$(BIN)/python -m workshop.audit.domains $(ONLY)

seeds: $(READY)
	@$(BIN)/python -m workshop.audit.seeds $(ONLY)

study: $(READY)
	@$(BIN)/python -m lecturelib.networks.study $(ONLY)

versions: $(READY)
	@$(BIN)/python -m nox $(if $(ONLY),--session $(ONLY))

benchmark: $(READY)
	@$(BIN)/python -m benchmarks $(ONLY)

notebooks: $(READY)
	@$(BIN)/python -m ruff check --fix notebooks
	@$(BIN)/python -m ruff format notebooks
	@$(BIN)/python -m workshop.folding
	@$(BIN)/python -m workshop.cli store $(ONLY)
	@$(BIN)/python -m workshop.site.front

wheel: $(READY)
	@$(BIN)/python -m hatchling build -t wheel -d build/wheel

# The lock names no host and holds for every Python and system.
lock: $(READY)
	@$(BIN)/uv pip compile pyproject.toml --extra dev --universal --fork-strategy fewest --generate-hashes \
	  --no-emit-index-url --quiet -o requirements.lock

# JupyterLab comes without nbgrader's menus, which grade nothing here, and without a question about news.
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is " + sys.version.split()[0] + "; say make PYTHON=python3.12, for example")'
	@echo "Setting up .venv (once; about 1 GB)"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check "uv>=0.5"
	@UV_PYTHON_DOWNLOADS=never $(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@mkdir -p .venv/etc/jupyter/labconfig
	@echo '{"disabledExtensions": {"@jupyter/nbgrader": true, "@jupyterlab/apputils-extension:announcements": true}}' \
	  > .venv/etc/jupyter/labconfig/page_config.json
	@touch $(READY)

clean:
	rm -rf build .venv
