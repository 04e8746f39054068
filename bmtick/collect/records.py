"""Where the records of memory lie between two runs: a small database beside the state.

A run reads the records that it needs and no others, so that one of a thousand lines stays light
where a hundred thousand accounts are known. The state holds what a run changed, with a number; the
database holds the number of the last changes that it took. Whoever is killed between the two finds
at the next start that the number is behind, and applies the same changes, which are whole records.
"""

from __future__ import annotations

import os

from bmtick.collect.memory import MINUTES_OF_DAY
from bmtick.errors import BmtickError
from bmtick.files import Folder

TYPE_CHECKING = False  # as typing's, whose import costs 3 ms at each start
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from sqlite3 import Connection
    from typing import Any

SUFFIX = ".memory"
_AT_ONCE = 500  # entities of one query
_KEEP = 36 * MINUTES_OF_DAY  # minutes: the weeks of a record's peaks
_SCHEMA = """
CREATE TABLE IF NOT EXISTS record (
    entity TEXT PRIMARY KEY, body TEXT NOT NULL, due INTEGER, last INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS due ON record (due) WHERE due > 0;
CREATE TABLE IF NOT EXISTS number (value INTEGER NOT NULL);
INSERT INTO number SELECT 0 WHERE NOT EXISTS (SELECT * FROM number);
"""


class RecordStore:
    """Records in a file.

    Args:
        path: of the state that it belongs to.
        warn: takes one line for the administrator.
    """

    def __init__(self, path: str, warn: Callable[[str], None]) -> None:
        self.path = path + SUFFIX
        self._warn = warn
        self._database: Connection | None = None
        self._expired = 0

    def _open(self) -> Connection:
        if self._database is None:
            try:
                self._database = self._connect()
            except Exception as error:
                if not _is_damage(error):
                    raise
                aside = f"{self.path}.damaged"
                self._warn(
                    f"{self.path} cannot be used: {error}; it is kept as {aside}, and what is usual "
                    "of each account is learned again"
                )
                os.replace(self.path, aside)
                for suffix in ("-wal", "-shm"):
                    if os.path.lexists(self.path + suffix):
                        os.unlink(self.path + suffix)
                self._database = self._connect()
        return self._database

    def _connect(self) -> Connection:
        import _sqlite3 as sqlite3  # sqlite3 adds types that need datetime, 3 ms

        create_private(self.path)
        database: Connection = sqlite3.connect(
            self.path, isolation_level=None, timeout=5, check_same_thread=False
        )
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=NORMAL")
        try:
            is_whole = database.execute("SELECT value FROM number").fetchone() is not None
        except sqlite3.OperationalError:
            is_whole = False
        if not is_whole:  # a new one
            database.executescript(_SCHEMA)
        return database

    def load(self, entity: str) -> str | None:
        """Return the text of a record; None: there is none."""
        found = self._read("SELECT body FROM record WHERE entity = ?", _storable(entity))
        return found[0][0] if found else None

    def load_many(self, entities: Sequence[str]) -> Iterator[tuple[str, str]]:
        """Yield the entities of which there is a record, each with its text."""
        for first in range(0, len(entities), _AT_ONCE):
            wanted = {_storable(entity): entity for entity in entities[first : first + _AT_ONCE]}
            marks = ", ".join("?" * len(wanted))
            query = f"SELECT entity, body FROM record WHERE entity IN ({marks})"  # noqa: S608 -- marks
            for stored, body in self._read(query, *wanted):
                yield wanted[stored], body

    def due(self, until: int) -> list[str]:
        """Return the entities of which a point is due until that minute."""
        found = self._read("SELECT entity FROM record WHERE due > 0 AND due <= ?", until)
        return [entity for (entity,) in found]

    def number(self) -> int:
        """Return the number of the changes that were applied last."""
        return int(self._read("SELECT value FROM number")[0][0])

    def _read(self, query: str, *values: str | int) -> list[Any]:
        import _sqlite3 as sqlite3

        try:
            return self._open().execute(query, values).fetchall()
        except (sqlite3.Error, OSError) as error:
            raise self._unusable(
                error, "nothing was printed, the next run counts the same lines"
            ) from None

    def _unusable(self, error: Exception, but: str) -> BmtickError:
        return BmtickError(
            f"cannot use the memory {self.path}: {error}; {but}",
            remedy="make room, give it to the user who collects, or name another --state",
        )

    def apply(self, number: int, changes: list[list[Any]]) -> None:
        """Take whole records: entity, text, minute when a point is due, minute of the last word.

        Raises:
            BmtickError: the file cannot be written; the state still holds the changes.
        """
        import _sqlite3 as sqlite3

        try:
            self._apply(self._open(), number, changes)
        except (sqlite3.Error, OSError) as error:
            raise self._unusable(error, "the next run writes it") from None

    def _apply(self, database: Connection, number: int, changes: list[list[Any]]) -> None:
        newest = max((change[3] for change in changes), default=0)
        database.execute("BEGIN IMMEDIATE")
        try:
            database.executemany(
                "INSERT OR REPLACE INTO record VALUES (?, ?, ?, ?)",
                [(_storable(entity), *more) for entity, *more in changes],
            )
            if newest - self._expired >= MINUTES_OF_DAY:
                database.execute("DELETE FROM record WHERE last < ?", (newest - _KEEP,))
                # Of failed logins a day is remembered.
                database.execute(
                    "DELETE FROM record WHERE last < ? AND (entity LIKE 'postfix_auth%' "
                    "OR entity LIKE 'postfix_account%')",
                    (newest - 2 * MINUTES_OF_DAY,),
                )
                self._expired = newest
            database.execute("UPDATE number SET value = ?", (number,))
            database.execute("COMMIT")
        except BaseException:
            if database.in_transaction:
                database.execute("ROLLBACK")
            raise

    def close(self) -> None:
        """Let go of the file."""
        if self._database is not None:
            self._database.close()
            self._database = None


def _storable(entity: str) -> str:
    return entity.encode("utf-8", "replace").decode()


def _is_damage(error: Exception) -> bool:
    import _sqlite3 as sqlite3

    return isinstance(error, sqlite3.DatabaseError) and not isinstance(
        error, sqlite3.OperationalError
    )


def create_private(path: str) -> None:
    """Create a file that only its owner may read; the superuser leaves it to the folder's owner.

    Raises:
        OSError: it cannot be created, or is a link.
    """
    name = os.path.basename(path)
    with Folder(os.path.dirname(path)) as folder:
        try:
            os.close(folder.create_open(name, os.O_RDWR))
        except FileExistsError:
            os.close(folder.open(name, os.O_RDWR))
