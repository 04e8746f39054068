# Each target sets up what it needs in .venv first. make help lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: help demo test coverage fuzz mutants lint format bench docs catalogues pictures clean deb deb-smoke

help:  ## print this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

$(STAMP): pyproject.toml $(wildcard bmtick/collect/*.pyx)
	@$(PYTHON) -m venv --help >/dev/null 2>&1 && $(PYTHON) -c 'import ensurepip' 2>/dev/null \
		|| { echo "Python's venv module is missing: apt-get install python3-venv" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

# What goes to which process, and in which order, says tests/conftest.py.
PARALLEL := --numprocesses=auto --dist=loadgroup --no-loadscope-reorder

demo: $(STAMP)  ## run the main job on a shipped real log
	$(BIN)/bmtick demo

test: $(STAMP)  ## run the tests, two processes per core
	$(BIN)/python -m pytest $(PARALLEL)

coverage: $(STAMP)  ## run the tests and print what they do not reach; takes twice as long
	$(BIN)/python -m pytest $(PARALLEL) --cov --cov-report=term:skip-covered

# Coverage-guided, a minute for each reader; see tests/fuzz/README.md.
fuzz: $(STAMP)  ## readers against hostile bytes, guided by coverage
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,fuzz]'
	$(BIN)/python -m tests.fuzz

# COUNT lines are broken, one at a time, in a copy of the tree; ROOMS chooses some of the folders.
COUNT ?= 300
SEED ?= 14
mutants: $(STAMP)  ## break the code that decides: does a test fail? an hour or more
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,mutants]'
	$(BIN)/python -m tests.mutants --count $(COUNT) --seed $(SEED) $(if $(ROOMS),--rooms $(ROOMS))

lint: $(STAMP)  ## ruff, mypy, import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(STAMP)  ## let ruff mend what it can
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

bench: $(STAMP)  ## measure speed beside the peers
	$(BIN)/python -m benchmarks

# The table of all settings, from the program's own types.
docs: $(STAMP)  ## write docs/settings.md anew, from the program's own types
	$(BIN)/python docs/make_settings.py

# The texts of the code into bmtick/locale/*.po, to be translated.
catalogues: $(STAMP)
	$(BIN)/python docs/make_catalogues.py

# The picture of the README, from the real program; needs Debian's chromium.
pictures: $(STAMP)  ## the picture of the README; needs chromium
	$(BIN)/python docs/make_pictures.py

clean:  ## remove .venv and all that was built
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache

# A Debian package, built with debhelper in build/deb. Needs: apt-get install
# build-essential debhelper dh-python python3-pip python3-venv
deb:  ## build a Debian package in build/deb
	rm -rf build/deb
	mkdir -p build/deb/bmtick
	@# Without git, such as from an archive, all that lies here; in another user's clone git asks for consent.
	if git -c safe.directory='$(CURDIR)' rev-parse HEAD >/dev/null 2>&1; \
	then git -c safe.directory='$(CURDIR)' archive HEAD | tar -x -C build/deb/bmtick; \
	else tar -c --exclude=./build --exclude=./.venv --exclude=./.git . | tar -x -C build/deb/bmtick; fi
	cp -r packaging/debian build/deb/bmtick/debian
	cd build/deb/bmtick && dpkg-buildpackage --build=binary --no-sign
	@ls -1 build/deb/*.deb

# The package in a fresh Debian 12: installed, used, purged. Needs root and debootstrap.
deb-smoke: deb  ## install, use and purge it in a fresh Debian 12; needs root and debootstrap
	bash packaging/deb_smoke.sh
