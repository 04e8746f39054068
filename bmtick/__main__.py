"""``python -m bmtick`` is the ``bmtick`` command."""

from bmtick.cli import main

if __name__ == "__main__":
    main()
