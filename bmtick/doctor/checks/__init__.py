"""The checks of the chain, one file each: ``ORDER`` and ``run(context) -> Iterable[Check]``.

To add a check, add a file; ``ORDER`` is its position in the chain. ``TICK_STACK = True`` marks
checks that only apply with Telegraf, InfluxDB and Kapacitor.
"""
