"""Run the ``bmtick`` command with ``python -m bmtick``."""

from bmtick.cli import main

if __name__ == "__main__":
    main()
