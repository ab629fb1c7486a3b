# The two commands a newcomer needs: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
EXTRAS := track,offline,body,train,dev
# Idle OpenMP threads that spin make timings on shared cores swing tenfold.
export OMP_WAIT_POLICY := PASSIVE

.PHONY: setup demo test lint types bench clean

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -c 'import sys; ok = (3, 10) <= sys.version_info < (3, 13); sys.exit(None if ok else "emotrack needs Python 3.10 to 3.12: make PYTHON=python3.11 " + "$(MAKECMDGOALS)")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --progress-bar on --editable '.[$(EXTRAS)]'
	@# Its converters are tried without TensorRT, which its dependencies would fetch from outside the index.
	$(BIN)/python -m pip install --quiet --no-deps torch-tensorrt==2.11.0 dllist==2.0.0 || \
		echo "no wheel of torch-tensorrt for this machine: the tests of its converters are skipped"
	touch $@

setup: $(VENV)/.installed

demo: setup
	$(BIN)/emotrack demo

test: setup lint types
	$(BIN)/python -m pytest -n auto --dist loadgroup

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# mypy cannot see the package-dir mapping of pyproject.toml, so it reads a link tree shaped like the installed package.
types: setup
	rm -rf .types && mkdir -p .types/emotrack
	ln -s $(foreach part,stream engines model training configs,$(CURDIR)/$(part)) .types/emotrack/
	ln -s $(filter-out %__pycache__,$(wildcard $(CURDIR)/emotrack/*)) .types/emotrack/
	cd .types && ../$(BIN)/mypy --config-file ../pyproject.toml emotrack

bench: setup
	$(BIN)/python -m pytest tests/benchmarks --benchmark-only

clean:
	rm -rf $(VENV) .types .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info build dist
