"""``bmtick watch``: collector, engine and delivery in one process, without a TICK stack."""
