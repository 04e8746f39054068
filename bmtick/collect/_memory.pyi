from bmtick.collect import memory

FORMAT: int

class Record(memory.Record): ...
