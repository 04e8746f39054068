"""State folders: one for each owner, none within another's.

- ``/var/lib/bmtick`` belongs to the user who collects or watches: Telegraf's user, or the user of
  ``bmtick watch``;
- ``/var/lib/bmtick-admin`` belongs to root: ``deploy/`` (journal and history), ``incidents/``
  (audit log and copies of deleted mail).

Earlier versions kept root's folders within the collector's, where its owner could replace them.
They are moved when root first needs them.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from bmtick.errors import BmtickError, Location
from bmtick.files import Folder, take_over

SERVICE_FOLDER: Final = Path("/var/lib/bmtick")
ADMIN_FOLDER: Final = Path("/var/lib/bmtick-admin")


def admin_folder(wanted: str = "", home: Path | None = None) -> tuple[Path, str]:
    """Return the folder of the administrator's state, and a notice if it is not the usual one.

    Args:
        wanted: a folder from the settings or the command line, or "".
        home: of the user; default: of this process.

    Raises:
        BmtickError: the state of an earlier version cannot be moved there.
    """
    if wanted:
        return Path(wanted), ""
    if os.access(_nearest(ADMIN_FOLDER), os.W_OK):
        _take_over(SERVICE_FOLDER / "deploy", ADMIN_FOLDER / "deploy")
        return ADMIN_FOLDER, ""
    earlier = SERVICE_FOLDER / "deploy"
    if earlier.is_dir() and earlier.stat().st_uid == os.geteuid():
        return SERVICE_FOLDER, ""
    folder = (home or Path.home()) / ".local/state/bmtick"
    return folder, f"{ADMIN_FOLDER} cannot be written: history and journal are in {folder}"


def incidents_folder(collector_state: str, home: Path | None = None) -> Path:
    """Return the folder of the audit log and of the copies of mail.

    Args:
        collector_state: the collector's state file; earlier versions had the folder beside it.
        home: of the user; default: of this process.
    """
    folder = admin_folder(home=home)[0] / "incidents"
    earlier = Path(collector_state).parent / "incidents"
    if os.access(_nearest(folder), os.W_OK):
        _take_over(earlier, folder)
    return folder


def _nearest(path: Path) -> Path:
    return next(p for p in (path, *path.parents) if p.exists())


def _take_over(old: Path, new: Path) -> None:
    try:
        if os.path.lexists(new) or not os.path.lexists(old):
            return
        with Folder(new.parent, create=True, private=True):
            take_over(old, new)
    except OSError as error:
        raise BmtickError(
            f"cannot be moved to {new}: {error.strerror}",
            location=Location(str(old)),
            remedy=f"see whether its content is yours, then move it or remove it: mv {old} {new}",
        ) from None
