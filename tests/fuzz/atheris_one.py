"""One target under atheris; started by ``python -m tests.fuzz``."""

import sys

try:
    import atheris
except ImportError:
    sys.exit("atheris is missing: python -m pip install atheris")

from tests.fuzz import harness


def main() -> None:
    """Run the target that the first argument names; the others are libFuzzer's."""
    name = sys.argv.pop(1)
    with atheris.instrument_imports(include=["bmtick", "tests.fuzz.targets"]):
        fuzz = harness.target(name)
    atheris.Setup(sys.argv, lambda data: harness.check(fuzz, data))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
