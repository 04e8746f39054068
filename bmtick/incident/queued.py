"""The queue as Postfix tells it now."""

from __future__ import annotations

import json

from bmtick.incident.programs import Programs


def queued_ids(programs: Programs) -> set[str]:
    """Return the ids of all queued messages, read with ``postqueue -j``.

    Raises:
        BmtickError: Postfix is not here, or does not tell.
    """
    with programs.lines(programs.postfix("postqueue", "-j")) as lines:
        return {json.loads(line)["queue_id"] for line in lines}
