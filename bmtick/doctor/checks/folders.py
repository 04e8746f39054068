"""Check that only root can change its folders, and that its history is readable."""

from __future__ import annotations

from collections.abc import Iterator

from bmtick.deploy.store import Store
from bmtick.doctor.check import Check, broken, ok, skipped
from bmtick.doctor.context import Context
from bmtick.errors import BmtickError
from bmtick.files import user_name
from bmtick.state_folders import ADMIN_FOLDER, SERVICE_FOLDER
from bmtick.terminal import shell_quoted

ORDER = 95
_NAME = "folders"


def run(context: Context) -> Iterator[Check]:
    """Find root's folders within the collector's, and unreadable history files."""
    found = [check for name in ("deploy", "incidents") if (check := _former(context, name))]
    yield from found
    state = context.settings.deploy.state_dir or str(ADMIN_FOLDER)
    damaged: list[str] = []
    for server in context.settings.kapacitor.values():
        try:
            damaged += Store(context.path(state), server.url).unreadable()
        except BmtickError as error:
            yield broken(_NAME, f"{error.location}: {error.message}", f"ls -ld {state} {state}/*")
            return
        except PermissionError:
            yield skipped(_NAME, f"{state} cannot be read by this user", "sudo bmtick doctor")
            return
    for path in damaged:
        shown = "/" + path.removeprefix(str(context.root)).lstrip("/")
        yield broken(
            _NAME,
            f"{shown} is damaged, or of a newer bmtick: no rollback to it",
            f"mv {shell_quoted(shown)} {shell_quoted(shown + '.damaged')}",
        )
    if not found and not damaged:
        yield ok(_NAME, f"root's are in {state}")


def _former(context: Context, name: str) -> Check | None:
    """Return what is wrong with a folder at its path of earlier versions, or None."""
    old, new = SERVICE_FOLDER / name, ADMIN_FOLDER / name
    path = context.path(str(old))
    if not path.exists() and not path.is_symlink():
        return None
    owner = path.lstat().st_uid
    if path.is_symlink() or owner:
        what = "a link" if path.is_symlink() else f"of user {user_name(owner)}"
        return broken(
            _NAME,
            f"{old} is {what}: root's records were there once, and this is none of root's",
            f"mv {old} {old}.not-of-root",
        )
    if context.path(str(new)).exists():
        return broken(
            _NAME,
            f"{old} lies where its neighbours' owner could exchange it, and {new} is there, too",
            f"mv {old} {new}.earlier",
        )
    return broken(
        _NAME,
        f"{old} lies where its neighbours' owner could exchange it",
        f"install -d -m 0700 {ADMIN_FOLDER} && mv {old} {new}",
    )
