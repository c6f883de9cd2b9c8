# Every target sets up what it needs: on a fresh machine with Python 3.11+ and make, any of them can be the first.
#   make lectures [ONLY=08]   run the lecture, write the pages under build/lectures, build the site
#   make site                 the reader's site alone, from the stored outputs: build/site/index.html
#   make slides [ONLY=08]     the notebooks as slides, under build/slides
#   make homework             student versions, solutions and nbgrader's course, under build/homework
#   make lab                  JupyterLab at the notebooks
#   make test                 all tests
#   make compat               stored outputs on other processors and on one core
#   make long                 the tests that take minutes: faults, hostile input, wrong programs
#   make audit [ONLY=08]      wrong programs, under which the claims must fail: build/audit.html
#   make seeds [ONLY=08]      the claims at ten seeds that the notebooks were not written with
#   make versions             tests and stored outputs with the lowest and the newest versions allowed
#   make benchmark [ONLY=theory]  side by side with other tools: the table of benchmarks/README.md
#   make notebooks [ONLY=08]  re-execute and store the notebooks (authors)
PYTHON ?= python3
ONLY ?=
# Relative paths only: the checkout may lie in a folder with a space in its name.
BIN := .venv/bin
READY := .venv/.ready

.PHONY: lectures site slides homework lab test compat long audit seeds versions benchmark notebooks lock clean

lectures: $(READY)
	@$(BIN)/python -m lecturelib.cli run $(ONLY)
	@$(BIN)/python -m tools.website

site: $(READY)
	@$(BIN)/python -m tools.website

slides: $(READY)
	@$(BIN)/python -m tools.slides $(ONLY)

homework: $(READY)
	@$(BIN)/python -m lecturelib.grading.build

lab: $(READY)
	@$(BIN)/python -m jupyterlab --ServerApp.root_dir=. --LabApp.default_url=/lab/tree/notebooks

test: $(READY)
	@$(BIN)/python -m ruff check .
	@$(BIN)/python -m ruff format --check .
	@$(BIN)/python -m pytest -n 2 -m "not compat and not long"

compat: $(READY)
	@$(BIN)/python -m pytest -n 2 --dist=load -m compat tests/test_compatibility.py

long: $(READY)
	@$(BIN)/python -m pytest -n 2 -m long tests

audit: $(READY)
	@$(BIN)/python -m tools.audit $(ONLY)

seeds: $(READY)
	@$(BIN)/python -m tools.audit_seeds $(ONLY)

versions: $(READY)
	@$(BIN)/python -m tools.versions $(ONLY)

benchmark: $(READY)
	@$(BIN)/python -m tools.benchmark $(ONLY)

notebooks: $(READY)
	@$(BIN)/python -m ruff check --fix notebooks
	@$(BIN)/python -m ruff format notebooks
	@$(BIN)/python -m lecturelib.cli store $(ONLY)
	@$(BIN)/python tools/readme_picture.py

# The lock names no host and holds for every Python and system.
lock: $(READY)
	@$(BIN)/uv pip compile pyproject.toml --extra dev --universal --fork-strategy fewest --generate-hashes \
	  --no-emit-index-url --quiet -o requirements.lock

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is " + sys.version.split()[0] + "; say make PYTHON=python3.12, for example")'
	@echo "Setting up .venv (once; about 1 GB)"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check "uv>=0.5"
	@UV_PYTHON_DOWNLOADS=never $(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $(READY)

clean:
	rm -rf build .venv
