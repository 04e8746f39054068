from bmtick.collect.scan import Scanner

def feed(scanner: Scanner, block: bytes) -> None: ...

FORMAT: int
