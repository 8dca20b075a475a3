.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help run photos test check lint bench docs edge magick chromium
python := .venv/bin/python

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-7s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: .venv/installed magick ## bring up the whole pipeline on this machine (PORT=8000 S3_PORT=4566 DATA_DIR=.local)
	@exec $(python) -m cli run --with-parent

photos: .venv/installed ## upload real photos, Debian's mate-backgrounds, while make run is up
	@$(python) -m cli photos

test: .venv/installed magick chromium ## run every test
	$(python) -m pytest --numprocesses 2 --dist loadfile

check: lint test ## format, lint, strict types, import contract, every test

lint: .venv/installed
	$(python) -m ruff format --check
	$(python) -m ruff check
	$(python) -m mypy --strict
	.venv/bin/lint-imports

bench: .venv/installed magick ## measure this pipeline against the plain way and sharp
	@$(python) -m bench

docs: .venv/installed magick ## print docs/operations.md from the declarations
	@$(python) -m cli docs

edge: .venv/installed ## write edge/function.js, which CloudFront runs, from the declarations and presets.yaml
	@$(python) -m cli edge

.venv/installed: requirements.txt requirements-dev.txt
	@sh cli/prepare.sh venv

magick: .venv/installed
	@sh cli/prepare.sh magick

chromium:
	@sh cli/prepare.sh chromium
