# make demo   Rove against a real strongSwan gateway, in network namespaces (root)
# make test   all tests (root)
.PHONY: help setup demo test unit lint bench bench-roam fuzz packages reproducible release test-packages clean

PYTHON = .venv/bin/python

help:
	@sed -n 's/^# make/make/p' Makefile
# make unit   what needs no root
# make lint   ruff and mypy
# make fuzz   every parser and the engine, SECONDS=60 each (docs/fuzzing.md)
# make packages  .deb, .rpm, wheel, SBOM and checksums, below dist/
# make reproducible  the packages twice, in other folders: are they the same octet by octet?
# make release  lint, tests, checks, packages, checksums and notes, below dist/VERSION
# make test-packages  the .deb on fresh Debian 12 and 13 with systemd (root, mmdebstrap, systemd-container)
# make bench-roam  the table of roaming beside strongSwan's (root, half an hour)
# make bench  figures beside strongSwan's, as ratios (root, minutes)

setup:
	@tools/setup

demo: setup
	@$(PYTHON) -m tests.lab.demo

test: setup
	$(PYTHON) -m pytest -n 3 --dist loadgroup

unit: setup
	$(PYTHON) -m pytest -m "not interop"

lint: setup
	.venv/bin/ruff check .
	.venv/bin/mypy
	@! command -v cargo-fmt >/dev/null || (cd native && cargo fmt --check)

bench: setup
	@$(PYTHON) -m benchmarks

packages:
	@python3 packaging/build.py

reproducible:
	@python3 packaging/build.py --twice

release:
	@tools/setup packages
	@python3 packaging/release.py

test-packages:
	@tools/setup packages
	@$(PYTHON) -m tests.packages

bench-roam: setup
	@$(PYTHON) -m benchmarks.roaming

SECONDS ?= 60
fuzz: setup
	@$(PYTHON) -c "import atheris" 2>/dev/null || $(PYTHON) -m pip install -q --disable-pip-version-check -e '.[fuzz]'
	@$(PYTHON) -m tests.fuzz.run --seconds $(SECONDS)

clean:
	rm -f client/core/eap/*.so
	rm -rf native/target .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
