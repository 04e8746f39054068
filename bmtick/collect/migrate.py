"""States of older versions in the form of today's: nothing of them is started from scratch.

- 1, the first: the files of a log with a flag before all else.
- 1: open messages as rows of queue id, user, client and time.
- 2: their columns, each origin once; ``tally`` and ``addresses``.
- 3: ``counter`` and ``memory``.
"""

from __future__ import annotations

from bmtick.collect.known import KnownClients
from bmtick.collect.memory import Record
from bmtick.collect.raw import client, username
from bmtick.names import CLIENT, SENDER

TYPE_CHECKING = False  # as typing's, whose import costs 3 ms at each start
if TYPE_CHECKING:
    from typing import Any


def migrated(kept: dict[str, Any], known: KnownClients) -> dict[str, Any]:
    """Return a session's state that has a ``tally`` in the form of today.

    Args:
        kept: as some version wrote it.
        known: clients that may relay without a login.
    """
    state = {key: value for key, value in kept.items() if key not in ("tally", "addresses")}
    state["counter"] = _counter(kept["tally"], known)
    state["memory"] = _memory(kept["addresses"])
    state["buckets"] = {start: _bucket(bucket, known) for start, bucket in kept["buckets"].items()}
    state["sources"] = {
        path: {**source, "files": [_file(file) for file in source.get("files", [])]}
        if "files" in source
        else source
        for path, source in kept["sources"].items()
    }
    return state


def _file(values: list[Any]) -> list[Any]:
    return values[1:] if isinstance(values[0], bool) else values


def _counter(tally: dict[str, Any], known: KnownClients) -> dict[str, Any]:
    if "origins" not in tally:
        origins: dict[tuple[str, str], int] = {}
        columns: dict[str, Any] = {}
        for name in ("waiting", "counted", "gone"):
            rows = tally.get(name, [])
            columns[name] = [
                " ".join(f"{queue_id}:" for queue_id, *_ in rows),
                [origins.setdefault((user, peer), len(origins)) for _, user, peer, _ in rows],
                [time for *_, time in rows] if name != "gone" else [],
            ]
        tally = {
            **columns,
            "origins": list(origins),
            "proxied": tally.get("proxied", []),
        }
    return {
        **tally,
        "origins": [_origin(user, peer, known) for user, peer in tally["origins"]],
        "proxied": [[peer, *_origin(user, peer, known)] for peer, user in tally["proxied"]],
    }


def _origin(user: str, peer: str, known: KnownClients) -> list[Any]:
    user, trusted = username(user.encode()), peer in known
    folded = client(peer.encode())
    entity = f"{SENDER}\n{user}" if user else ""
    if peer and not user:
        entity = f"{CLIENT}\n{folded}\n{'true' if trusted else 'false'}"
    return [user, folded, int(trusted), entity]


def _memory(addresses: dict[str, dict[str, int]]) -> dict[str, Any]:
    records = {}
    for user, seen in addresses.items():
        record = Record()
        record.addresses = {client(peer.encode()): time // 60 for peer, time in seen.items()}
        record.last = max(record.addresses.values(), default=0)
        records[f"{SENDER}\n{username(user.encode())}"] = record.dump(0)
    return {"began": -1, "epoch": 0, "shared": {}, "guessed": {}, "records": records}


def _bucket(kept: list[Any], known: KnownClients) -> list[Any]:
    lines, size, unparsed, senders, origins, clients, auth, names, delivery = kept
    entities = {
        f"{SENDER}\n{username(user.encode())}": [m, r, b, 0, 0, refused, 0, 0, 0]
        for user, (m, r, b, refused) in senders.items()
    }
    for peer, (m, r, b) in clients.items():
        trusted = "true" if peer in known else "false"
        entities[f"{CLIENT}\n{client(peer.encode())}\n{trusted}"] = [m, r, b, *[0] * 6]
    failures = {}
    for peer, count in auth.items():
        tried = dict.fromkeys(map(str.lower, names.get(peer, ())), 1)
        if count > len(tried):
            tried[""] = count - len(tried)
        failures[client(peer.encode())] = tried
    if isinstance(origins, dict):  # version 1
        origins = [(user, peer) for user, peers in origins.items() for peer in peers]
    folded = [[username(user.encode()), client(peer.encode())] for user, peer in origins]
    return [lines, size, unparsed, entities, folded, {}, {}, failures, {}, delivery]
