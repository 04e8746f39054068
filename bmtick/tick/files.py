"""Scripts on disk: written in one step with their mode kept."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

from bmtick.errors import BmtickError, Location


def write_script(path: str, text: str) -> None:
    """Replace a script in one step; mode and, where allowed, owner stay. Links are followed.

    Raises:
        BmtickError: the file cannot be written; it is then as it was.
    """
    target = Path(path).resolve()
    temporary = ""
    try:
        old = target.stat()
        descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        with os.fdopen(descriptor, "wb") as out:
            out.write(text.encode("utf-8"))
            out.flush()
            os.fsync(out.fileno())
        if (old.st_uid, old.st_gid) != (os.geteuid(), os.getegid()):
            os.chown(temporary, old.st_uid, old.st_gid)
        Path(temporary).chmod(stat.S_IMODE(old.st_mode))
        Path(temporary).replace(target)
    except OSError as error:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
        reason = error.strerror or str(error)
        raise BmtickError(f"cannot write the script: {reason}", location=Location(path)) from None
