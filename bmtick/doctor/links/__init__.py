"""The links of the chain, one file each: ``ORDER`` and ``look(world) -> Iterable[Link]``.

Adding a link is adding a file; ``ORDER`` says where it stands in the chain.
"""
