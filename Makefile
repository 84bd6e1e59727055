# Two commands for a newcomer: `make demo` and `make test`. Both set up .venv from the locked versions first.

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/.installed-run
DEV := $(VENV)/.installed-dev
PIP := $(VENV)/bin/python -m pip --disable-pip-version-check

.PHONY: help demo test lint lock viewer photos clean
help:
	@echo "make demo    run the sample catalog with the free local stand-in"
	@echo "make test    run all tests"
	@echo "make lint    format, lint and type checks"
	@echo "make lock    lock the newest versions that resolve (needs uv)"
	@echo "make viewer  fetch the interactive viewer of the review page (needs Node.js)"
	@echo "make photos  render the sample catalog's photos and sheets anew"
	@echo "make clean   remove .venv and demo"

demo: $(RUN)
	$(VENV)/bin/python examples/demo.py

test: $(DEV)
	$(VENV)/bin/python -m pytest -n 2 --dist loadfile $(PYTEST_ARGS)

lint: $(DEV)
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "catalog3d needs Python 3.11 or newer: make demo PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)

$(RUN): $(VENV)/bin/python requirements/run.txt pyproject.toml
	@echo "Installing the locked packages into .venv (once; a minute or two)"
	$(PIP) install --quiet --require-hashes -r requirements/run.txt
	$(PIP) install --quiet --no-deps --no-build-isolation --no-index -e .
	@touch $@

$(DEV): $(RUN) requirements/dev.txt
	$(PIP) install --quiet --require-hashes -r requirements/dev.txt
	@touch $@

lock:
	uv pip compile -q pyproject.toml requirements/build.in --extra dev --universal --python-version 3.11 \
		--generate-hashes --no-header --no-annotate -o requirements/dev.txt
	uv pip compile -q pyproject.toml requirements/build.in -c requirements/dev.txt --universal --python-version 3.11 \
		--generate-hashes --no-header --no-annotate -o requirements/run.txt

viewer: $(RUN)
	$(VENV)/bin/python -m catalog3d.review.viewer_setup

photos: $(DEV)
	$(VENV)/bin/python examples/render_photos.py
	$(VENV)/bin/python examples/make_sheets.py

clean:
	rm -rf $(VENV) demo
