"""The checks of the chain, one file each: ``ORDER`` and ``run(context) -> Iterable[Check]``.

Adding a check is adding a file; ``ORDER`` says where it stands in the chain. ``TICK_STACK = True`` says
that it is only of use where Telegraf, InfluxDB and Kapacitor do the work.
"""
