from collections.abc import Callable, Mapping, Sequence

from bmtick.collect.emit import Row

def lines(
    rows: list[Row],
    head_of: Callable[[str, tuple[str, ...]], bytes],
    heads: Mapping[str, Mapping[tuple[str, ...], bytes]],
    templates: Mapping[tuple[str, int], bytes],
) -> bytes: ...
def fill(head: bytes, template: bytes, fields: Sequence[float], time: int) -> bytes | None: ...

FORMAT: int
