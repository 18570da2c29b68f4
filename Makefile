# What a fresh Debian 12 machine lacks is installed by the target that needs it, with apt-get, which it announces.

PYTHON ?= python3
VENV := .venv
READY := $(VENV)/.ready
FUZZER := $(VENV)/.fuzzer
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

.PHONY: help venv lock sbom demo docs docs-site docs-outputs changelog node-file collection lab lab-down quick lint lint-python lint-ansible unit test test-slow test-nightly molecule reliability bench clean

help: ## Show this
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

venv: $(READY) ## Make .venv, with skewgate (editable) and all that its checks need

$(READY): pyproject.toml locks/dev.txt
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { \
	  echo "make: installing the Debian package python3-venv with apt-get"; \
	  apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends python3-venv; }
	@echo "make: installing skewgate and its checks from PyPI into $(VENV)"
	$(PYTHON) -m venv $(VENV)
	python -m pip install -q --require-hashes -r locks/dev.txt
	python -m pip install -q --no-deps --no-build-isolation -e .
	@touch $@

$(FUZZER): $(READY) locks/fuzz.txt
	@echo "make: installing the fuzzer from PyPI into $(VENV)"
	python -m pip install -q --require-hashes -r locks/fuzz.txt
	@touch $@

# Hashes of all that is installed, for each Python that the project supports. No index is named.
LOCK = uv pip compile --quiet --no-config --universal --python-version 3.11 --generate-hashes --no-strip-extras \
  --custom-compile-command 'make lock' $(if $(UPGRADE),--upgrade)
IMAGE_LOCK := docs/recipes/execution-environment/requirements.txt

lock: $(READY) ## Make the locks again: versions that still fit stay; UPGRADE=1 takes the newest
	$(LOCK) pyproject.toml --group image -o $(IMAGE_LOCK)
	$(LOCK) pyproject.toml --extra testinfra --group dev -c $(IMAGE_LOCK) -o locks/dev.txt
	$(LOCK) --group recipes -o locks/recipes.txt
	$(LOCK) --group go -o locks/go.txt
	$(LOCK) --group fuzz -o locks/fuzz.txt
	$(LOCK) tests/integration/clients/requirements.txt -o locks/clients.txt

SBOM ?= dist/skewgate.cdx.json

# Of an environment, not of the lock: this has the licences too, and who depends on whom.
sbom: $(READY) ## Write what skewgate and its execution environment bring (CycloneDX) to dist/; PYTHON=python3.12 for the image's
	@mkdir -p $(dir $(SBOM))
	$(PYTHON) -m venv --clear --without-pip build/sbom
	python -m pip --python build/sbom/bin/python install -q --require-hashes -r $(IMAGE_LOCK)
	cyclonedx-py environment --output-reproducible --pyproject pyproject.toml --output-file $(SBOM) build/sbom/bin/python

demo: $(READY) ## The incident on three real nodes: check, refusals, gate, admission (root, x86-64)
	@python -m tests.lab.demo

lab: $(READY) ## Bring up three nodes with separate clocks, NTP servers and a GitHub API (root, x86-64)
	@python -m tests.lab up

lab-down: $(READY) ## Take the lab down; its images stay for the next time
	@python -m tests.lab down

docs: $(READY) ## Make the pages of docs/reference/ from the code, and what else is made from the table of settings
	@python -m docs.make_pages
	@python -m docs.make_settings
	@python -m docs.make_command
	@python -m docs.make_schema
	@python -m docs.make_picture
	@python -m docs.make_reliability
	@python -m docs.make_network_faults

# Not with --quiet: MkDocs counts no warning then, and nothing fails.
docs-site: export NO_MKDOCS_2_WARNING = 1
docs-site: $(READY) ## Build the documentation's site into build/site, without the network; a broken link or anchor fails
	mkdocs build --strict

docs-outputs: $(READY) ## Run the commands of the documentation, and write what they print into its pages; PAGES="README.md" (root)
	@python -m tests.documentation $(PAGES)

changelog: $(READY) ## Make CHANGELOG.md from changelogs/fragments
	antsibull-changelog release --update-existing --refresh-fragments

node-file: $(READY) ## Make the file that checks a node without Ansible in build/node; SETTINGS=node.yml makes its settings too
	@python -m skewgate.node_file build/node $(if $(SETTINGS),--settings $(SETTINGS))

# Side by side, each one's output whole: ansible-lint takes as long as all others together.
SIDE_BY_SIDE = $(MAKE) --no-print-directory --jobs --keep-going --output-sync=target

quick: $(READY) ## lint and the unit tests, in less than two minutes
	@$(SIDE_BY_SIDE) lint-python lint-ansible docs-site unit

lint: $(READY) ## ruff, mypy, the direction of imports, banned words, ansible-lint, the documentation's links
	@$(SIDE_BY_SIDE) lint-python lint-ansible docs-site

lint-python: $(READY)
	ruff check .
	ruff format --check .
	mypy plugins/plugin_utils plugins/action plugins/filter src/skewgate tests/lab
	lint-imports --no-logo --no-cache
	python docs/check_words.py

lint-ansible: $(READY)
	ansible-lint

unit: $(READY) ## The unit tests alone: pure, no process and no network
	pytest -q tests/unit

test: $(READY) ## Unit tests, real daemons, whole runs, the lab; the lab comes up for it and goes down again
	@python -m tests.both "not slow and not nightly"

test-slow: $(READY) ## What takes minutes: 200 hosts at GitHub's rate limits, nodes whose packages change twice
	pytest -m "slow and not nightly"

test-nightly: $(READY) ## Every combination that `make test` leaves out; SAMPLE=3 runs three, which the commit picks
	pytest -m nightly $(if $(SAMPLE),--sample $(SAMPLE))

collection: $(READY) ## What Ansible's own tools say of the collection; CORE=2.21 chooses the ansible-core, SAMPLE=1 is quick
	pytest tests/integration/test_collection_tools.py $(if $(SAMPLE),-k quick --sample $(SAMPLE),-k $(or $(CORE),2.19))

reliability: $(READY) $(FUZZER) ## Attacks and faults, in an hour (root): one table of what was found; PARTS="simulation network", SEEDS=10
	@python -m tests.reliability $(PARTS) $(if $(SEEDS),--seeds $(SEEDS))
	@python -m docs.make_reliability
	@python -m docs.make_network_faults

molecule: $(READY) ## A molecule scenario on fresh nodes of the lab; SCENARIO=falseticker runs another than default
	pytest "tests/integration/test_molecule.py::test_the_scenario_passes[$(or $(SCENARIO),default)]"

bench: $(READY) ## What judging and whole runs cost, in half an hour (root); writes docs/reference/performance.md; PARTS="sshd10 replayed100", ROUNDS=1
	@python -m tests.benchmarks.judging
	@python -m tests.benchmarks.streaming
	@python -m tests.benchmarks.node_texts
	@python -m tests.benchmarks.parsing
	@python -m tests.benchmarks.fleet $(PARTS)

clean: $(if $(wildcard build/lab/lab.lock),lab-down) ## Remove what was built, the lab's images too; .venv stays
	rm -rf build dist .mypy_cache .pytest_cache .ruff_cache
