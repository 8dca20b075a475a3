.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help lock audit run photos test quick shuffle explore mutate hostile kill soak listings check lint bench cost scale docs edge imagemagick imagemagick-docker test-lambda deploy plan undeploy rehearse rehearse-interrupted magick chromium
python := .venv/bin/python
lambda_python := .venv-lambda/bin/python

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: .venv/installed magick ## bring up the whole pipeline on this machine (PORT=8000 S3_PORT=4566 DATA_DIR=.local; EDGE=1 with a simulated CloudFront)
	@exec $(python) -m cli run --with-parent

photos: .venv/installed ## upload real photos, Debian's mate-backgrounds, while make run is up
	@$(python) -m cli photos

test: .venv/installed magick chromium ## run every test
	$(python) -m pytest --numprocesses 4 --dist loadfile

quick: .venv/installed magick ## run the fast tests of the files that changed since the last commit, or all fast tests of chalicelib
	@$(python) -m pytest --numprocesses 3 --dist worksteal -m "not slow" $$($(python) tests/support/changed.py)

shuffle: .venv/installed magick chromium ## run every test, in another order each time; the seed is printed (SEED=1 repeats it)
	$(python) -m pytest --numprocesses 2 --dist loadfile -v -p randomly $(if $(SEED),--randomly-seed=$(SEED))

explore: .venv/installed magick ## look for inputs that break a property, with new seeds and more examples
	HISTORIES=10000 $(python) -m pytest --numprocesses 2 -m hypothesis --hypothesis-profile explore

mutate: .venv/installed magick ## switch each defence off in turn; a test must fail each time
	@$(python) tests/mutation/mutate.py

hostile: MUTATIONS ?= 20000
hostile: SEED ?= 1
hostile: .venv/installed magick ## send bombs, broken, disguised and mutated files, and print the figures (MUTATIONS=20000 SEED=1; MARKDOWN=1 as a table)
	@PYTHONPATH=tests $(python) -m system.hostile --mutations $(MUTATIONS) --seed $(SEED) $(if $(MARKDOWN),--markdown)

kill: .venv/installed magick ## kill uploads at 200 random points each, one picture at once and two, and count what was rendered twice
	KILLS=200 $(python) -m pytest -s tests/system/test_kill.py

soak: MINUTES ?= 10
soak: .venv/installed magick ## run mixed good and bad traffic in one process, and print what grows (MINUTES=10)
	@$(python) -m bench.soak --minutes $(MINUTES)

listings: ORIGINALS ?= 1000000
listings: .venv/installed ## measure time and memory of plan and audit with a million originals (ORIGINALS=1000000)
	@$(python) -m bench.listings --originals $(ORIGINALS)

check: lint audit test ## format, lint, strict types, import contract, known vulnerabilities, every test

lint: .venv/installed
	$(python) -m ruff format --check
	$(python) -m ruff check
	$(python) -m mypy --strict
	.venv/bin/lint-imports
	.venv/bin/cfn-lint deploy/foundation.yaml edge/template.yaml

audit: ## check the pinned packages for known vulnerabilities
	@sh cli/prepare.sh audit

lock: ## write requirements.lock anew, after requirements.txt or requirements-dev.txt has changed
	@sh cli/prepare.sh lock

bench: .venv/installed magick ## measure this pipeline against the plain way and sharp
	@$(python) -m bench

cost: .venv/installed ## write docs/cost.md from docs/prices.yaml
	@$(python) -m cli.docs.cost

scale: .venv/installed ## write docs/scale.md: what 1 k, 1 M and 1 G originals take
	@$(python) -m cli.docs.scale

docs: .venv/installed magick ## write docs/operations.md and docs/configuration.md from the code
	@$(python) -m cli docs

edge: .venv/installed ## write edge/function.js, which CloudFront runs, from the declarations and presets.yaml
	@$(python) -m cli edge

imagemagick: .venv/installed ## build ImageMagick for Lambda into vendor/ (Debian 12)
	@sh deploy/imagemagick.sh

imagemagick-docker: ## the same in Docker, for machines that are not Debian 12
	@docker build --file deploy/Dockerfile --output type=local,dest=vendor .

test-lambda: .venv/installed vendor/lib ## run the tests of the package and of pictures on what Lambda gets
	$(python) -m pytest -rP tests/cli/deploy/test_package.py

vendor/lib: | .venv/installed
	@sh deploy/imagemagick.sh

# Lambda's packages want Python 3.12 or newer, whatever .venv has.
deploy: .venv-lambda/installed vendor/lib ## deploy a stage to AWS: make deploy STAGE=dev
	@$(lambda_python) -m cli deploy

plan: .venv-lambda/installed vendor/lib ## show what a deploy changes
	@$(lambda_python) -m cli plan

undeploy: .venv-lambda/installed ## take a stage down; asks before it deletes originals
	@$(lambda_python) -m cli undeploy

rehearse: .venv-lambda/installed ## deploy, test and undeploy on an embedded AWS: no account is needed
	@$(lambda_python) -m cli rehearse

rehearse-interrupted: EVERY ?= 1
rehearse-interrupted: .venv-lambda/installed ## break a first deploy off at each change in turn, on an embedded AWS (EVERY=9 takes every ninth)
	@$(lambda_python) -m cli rehearse-interrupted --every $(EVERY)

.venv-lambda/installed: requirements.lock
	@sh cli/prepare.sh venv_lambda

.venv/installed: requirements.lock
	@sh cli/prepare.sh venv

magick: .venv/installed
	@sh cli/prepare.sh magick

chromium:
	@sh cli/prepare.sh browser
