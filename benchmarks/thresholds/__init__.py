"""How often each alert of the catalogue fires at which threshold: ``python -m benchmarks.thresholds``."""
