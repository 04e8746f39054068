# make demo: set up, then run the main job on a shipped real log.
# make test: set up, then run the tests.  make lint: ruff, mypy, import rules.
# make fuzz: readers against hostile bytes, guided by coverage.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo test fuzz lint format bench docs catalogues pictures clean deb deb-smoke

$(STAMP): pyproject.toml $(wildcard bmtick/collect/*.pyx)
	@$(PYTHON) -m venv --help >/dev/null 2>&1 && $(PYTHON) -c 'import ensurepip' 2>/dev/null \
		|| { echo "Python's venv module is missing: apt-get install python3-venv" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

demo: $(STAMP)
	$(BIN)/bmtick demo

test: $(STAMP)
	$(BIN)/python -m pytest --cov --cov-report=term:skip-covered

# Coverage-guided, a minute for each reader; see tests/fuzz/README.md.
fuzz: $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,fuzz]'
	$(BIN)/python -m tests.fuzz

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(STAMP)
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

bench: $(STAMP)
	$(BIN)/python -m benchmarks

# The table of all settings, from the program's own types.
docs: $(STAMP)
	$(BIN)/python docs/make_settings.py

# The texts of the code into bmtick/locale/*.po, to be translated.
catalogues: $(STAMP)
	$(BIN)/python docs/make_catalogues.py

# The picture of the README, from the real program; needs Debian's chromium.
pictures: $(STAMP)
	$(BIN)/python docs/make_pictures.py

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache

# A Debian package, built with debhelper in build/deb. Needs: apt-get install
# build-essential debhelper dh-python python3-pip python3-venv
deb:
	rm -rf build/deb
	mkdir -p build/deb/bmtick
	git archive HEAD | tar -x -C build/deb/bmtick
	cp -r packaging/debian build/deb/bmtick/debian
	cd build/deb/bmtick && dpkg-buildpackage --build=binary --no-sign
	@ls -1 build/deb/*.deb

# The package in a fresh Debian 12: installed, used, purged. Needs root and debootstrap.
deb-smoke: deb
	bash packaging/deb_smoke.sh
