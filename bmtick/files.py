"""Files that bmtick writes: owners checked, planted links refused, whole or not at all, 0600.

The administrator's commands run as root, also in folders of the user who runs Telegraf. Whoever
owns a folder can rename what is in it and put a link in its place. So a folder is opened once, by
the rules of systemd's ``chase()`` with ``CHASE_SAFE``, and its files are reached from its
descriptor:

- a symbolic link is followed only where nobody else could have made it;
- a path never leads from a folder of an ordinary user into one of another user;
- a folder that is ``private`` lies, with all folders above it, in the hands of root or of the user
  who runs this;
- a file is a plain one with one name, of root, of this user, or of the folder's owner;
- new files are created exclusively, and replaced by a rename.

Errors are OSError; their ``strerror`` says what is wrong and with which path. This module imports
nothing that the collector, which starts every ten seconds, would have to wait for.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import time
from binascii import hexlify

TYPE_CHECKING = False  # as typing's, whose import costs 3 ms at each start
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

_MAX_LINKS = 40  # as Linux
_UNMAPPED = 65534  # the owner, in a container, of what belongs to users outside
_ANOTHER_TRY = 0.05  # seconds between two looks at a lock


class Folder:
    """An open folder; a context manager.

    Args:
        path: of the folder.
        create: make it, and those above it, where they are missing.
        private: refuse a folder that another user than root or the present one owns or can change.
            Without it, files that root creates are given to the folder's owner, so that a command
            run by hand as root does not lock out the service.
        mode: of the folder when it is made.

    Raises:
        OSError: it cannot be opened, or another user could change what the path leads to.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        create: bool = False,
        private: bool = False,
        mode: int = 0o700,
    ) -> None:
        self.path = os.fspath(path) or "."
        self._private = private
        self.fd = _walk(self.path, private=private, create=mode if create else None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the folder; may be called again."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def sub(self, name: str, *, create: bool = False) -> Folder:
        """Return a folder in this one, 0700 where it is made."""
        inner = Folder.__new__(Folder)
        inner.path, inner._private = os.path.join(self.path, _plain(name)), self._private  # noqa: SLF001 -- its own kind
        if create:
            _make(self.fd, name, 0o700, inner.path)
        inner.fd = os.open(
            name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self.fd
        )
        try:
            _check_step(os.fstat(self.fd), os.fstat(inner.fd), inner.path, private=self._private)
        except BaseException:
            inner.close()
            raise
        return inner

    def names(self) -> list[str]:
        """Return the names of what is in it, sorted."""
        return sorted(os.listdir(self.fd))

    def info(self, name: str) -> os.stat_result | None:
        """Return what is known of a name, be it that of a link; None where there is none."""
        try:
            return os.lstat(_plain(name), dir_fd=self.fd)
        except FileNotFoundError:
            return None

    def open(self, name: str, flags: int = os.O_RDONLY) -> int:
        """Open a file that is there; return its descriptor.

        Raises:
            OSError: there is none, it is no plain file, or another user made it.
        """
        try:
            fd = os.open(
                _plain(name),
                flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC,
                dir_fd=self.fd,
            )
        except OSError as error:
            if error.errno != errno.ELOOP:
                raise
            raise OSError(errno.ELOOP, "it is a symbolic link", self._at(name)) from None
        try:
            self._check_file(os.fstat(fd), name)
        except BaseException:
            os.close(fd)
            raise
        return fd

    def read(self, name: str, limit: int = -1) -> bytes:
        """Return what a file holds.

        Args:
            name: of the file.
            limit: bytes; a longer one is refused.
        """
        with os.fdopen(self.open(name), "rb") as file:
            data = file.read(limit + 1 if limit >= 0 else -1)
        if 0 <= limit < len(data):
            raise OSError(errno.EFBIG, f"it is longer than {limit:,} bytes", self._at(name))
        return data

    def create(self, name: str, data: bytes = b"", *, durable: bool = True) -> None:
        """Write a file that was not there, 0600.

        Raises:
            FileExistsError: there is something of this name.
        """
        fd = self.create_open(name, os.O_WRONLY)
        try:
            _write_all(fd, data)
            if durable:
                os.fsync(fd)
        except BaseException:
            os.unlink(name, dir_fd=self.fd)
            raise
        finally:
            os.close(fd)

    def create_open(self, name: str, flags: int, mode: int = 0o600) -> int:
        """Create a file that was not there; return its descriptor."""
        fd = os.open(
            _plain(name),
            flags | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC,
            mode,
            dir_fd=self.fd,
        )
        if not self._private and os.geteuid() == 0:
            owner = os.fstat(self.fd)
            if owner.st_uid and not owner.st_mode & stat.S_ISVTX:
                os.fchown(fd, owner.st_uid, owner.st_gid)
        return fd

    def create_anew(self, name: str, data: bytes, *, durable: bool = True) -> None:
        """Write a file in place of the plain one that may be there."""
        try:
            self.create(name, data, durable=durable)
        except FileExistsError:
            if not stat.S_ISREG(os.lstat(name, dir_fd=self.fd).st_mode):
                raise OSError(errno.EINVAL, "it is no plain file", self._at(name)) from None
            os.unlink(name, dir_fd=self.fd)
            self.create(name, data, durable=durable)

    def replace(self, name: str, data: bytes, *, durable: bool = True) -> None:
        """Write a file, 0600, in one step: a reader sees the old one or the new one."""
        part = f".{_plain(name)[:200]}.{hexlify(os.urandom(6)).decode()}"
        self.create(part, data, durable=durable)
        try:
            os.rename(part, name, src_dir_fd=self.fd, dst_dir_fd=self.fd)
        except BaseException:
            os.unlink(part, dir_fd=self.fd)
            raise
        if durable:
            self.sync()

    def append(self, name: str, data: bytes, mode: int = 0o600) -> None:
        """Add to a file, which is created where there is none, and see it on disk."""
        try:
            fd = self.create_open(name, os.O_WRONLY | os.O_APPEND, mode)
        except FileExistsError:
            fd = self.open(name, os.O_WRONLY | os.O_APPEND)
        try:
            _write_all(fd, data)
            os.fsync(fd)
        finally:
            os.close(fd)

    def rename(self, old: str, new: str) -> None:
        """Rename within the folder; what bore the new name is gone."""
        os.rename(_plain(old), _plain(new), src_dir_fd=self.fd, dst_dir_fd=self.fd)

    def remove(self, name: str) -> None:
        """Remove a file; nothing happens where there is none."""
        try:
            os.unlink(_plain(name), dir_fd=self.fd)
        except FileNotFoundError:
            return

    def sync(self) -> None:
        """See the folder's names on disk; where its file system cannot, nothing happens."""
        try:
            os.fsync(self.fd)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.EROFS):
                raise

    def lock(self, name: str, wait: float = 0.0) -> int:
        """Take a lock that ends with this process or with ``os.close`` of what is returned.

        Args:
            name: of the lock file, which stays.
            wait: seconds to wait for another process.

        Raises:
            BlockingIOError: another process holds it.
            OSError: it cannot be written.
        """
        try:
            fd = self.create_open(name, os.O_RDWR)
        except FileExistsError:
            fd = self.open(name, os.O_RDWR)
        deadline = time.monotonic() + wait
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    os.close(fd)
                    raise
                time.sleep(_ANOTHER_TRY)
            except BaseException:
                os.close(fd)
                raise
            else:
                return fd

    def locked(self, name: str) -> bool:
        """Tell whether a process holds a lock."""
        try:
            fd = self.open(name)
        except OSError:
            return False
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(fd)
        return False

    def _at(self, name: str) -> str:
        return os.path.join(self.path, name)

    def _check_file(self, info: os.stat_result, name: str) -> None:
        if not stat.S_ISREG(info.st_mode):
            raise OSError(errno.EINVAL, "it is no plain file", self._at(name))
        if os.geteuid() != 0:
            return  # the kernel lets nobody else's be opened without their leave
        if info.st_uid not in (0, os.fstat(self.fd).st_uid) or info.st_nlink > 1:
            what = "it has another name" if info.st_nlink > 1 else _belongs(info.st_uid)
            raise PermissionError(errno.EPERM, f"{what}; root does not use it", self._at(name))


def write_output(path: str | os.PathLike[str], data: bytes | str, mode: int | None = None) -> None:
    """Write a file that the user named: in one step, its mode and owner kept where it is there.

    A link is followed where nobody else could have made it. What is no plain file, such as
    ``/dev/stdout``, is written to.

    Args:
        path: of the file; its folder must be there.
        data: text is written as UTF-8, lone surrogates as ``?``.
        mode: of a new file, and of one that is there; None: as the umask has it, or as it was.

    Raises:
        OSError: it cannot be written; what was there is as it was.
    """
    raw = data.encode("utf-8", "replace") if isinstance(data, str) else data
    text = os.fspath(path)
    if text.endswith("/"):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), text)
    try:
        kind = os.stat(text).st_mode
    except OSError:
        kind = 0
    if stat.S_ISDIR(kind):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), text)
    if kind and not stat.S_ISREG(kind):
        fd = os.open(text, os.O_WRONLY | os.O_CLOEXEC)
        try:
            _write_all(fd, raw)
        finally:
            os.close(fd)
        return
    for _ in range(_MAX_LINKS):
        with Folder(os.path.dirname(text)) as folder:
            name = os.path.basename(text)
            info = folder.info(name)
            if info is None or not stat.S_ISLNK(info.st_mode):
                _replace_output(folder, name, raw, mode)
                return
            _check_link(os.fstat(folder.fd), info, text)
            text = os.path.join(folder.path, os.readlink(name, dir_fd=folder.fd))
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), text)


def _replace_output(folder: Folder, name: str, raw: bytes, mode: int | None) -> None:
    old = folder.info(name)
    part = f".{name[:200]}.{hexlify(os.urandom(6)).decode()}"
    fd = folder.create_open(part, os.O_WRONLY, 0o600 if old or mode is not None else 0o666)
    try:
        try:
            _write_all(fd, raw)
            if old and (old.st_uid, old.st_gid) != (os.geteuid(), os.getegid()):
                os.fchown(fd, old.st_uid, old.st_gid)
            if mode is not None:
                os.fchmod(fd, mode)
            elif old:
                os.fchmod(fd, stat.S_IMODE(old.st_mode))
            os.fsync(fd)
        finally:
            os.close(fd)
        folder.rename(part, name)
    except BaseException:
        folder.remove(part)
        raise


def take_over(old: str | os.PathLike[str], new: str | os.PathLike[str]) -> bool:
    """Move a folder of root's, or of this user's, out of a folder where it lay before.

    Nothing happens where there is no old one, or where the new one is there already. One that
    another user has put there is left.

    Args:
        old: the folder's former path, perhaps within a folder of another user.
        new: its path from now on; the folder above it must be there.

    Returns:
        Whether it was moved.

    Raises:
        OSError: it cannot be moved, as to another file system.
    """
    before, after = os.fspath(old), os.fspath(new)
    if os.path.lexists(after) or not os.path.lexists(before):
        return False
    with Folder(os.path.dirname(before)) as source, Folder(os.path.dirname(after)) as target:
        name = os.path.basename(before)
        info = os.lstat(name, dir_fd=source.fd)
        if not stat.S_ISDIR(info.st_mode) or info.st_uid != os.geteuid():
            return False
        os.rename(name, os.path.basename(after), src_dir_fd=source.fd, dst_dir_fd=target.fd)
    return True


def _plain(name: str) -> str:
    if not name or "/" in name or name in (".", ".."):
        raise OSError(errno.EINVAL, "it is no name of a file", name)
    return name


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def _walk(path: str, *, private: bool, create: int | None) -> int:
    """Open a folder, one part of its path at a time."""
    flags = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    # the folders above the present one count, too
    rest = os.path.join(os.getcwd(), path).split("/")[::-1]
    here, shown, links = os.open("/", flags), "", 0
    try:
        while rest:
            part = rest.pop()
            if part in ("", "."):
                continue
            at = f"{shown}/{part}"
            if create is not None:
                _make(here, part, 0o755 if any(rest) else create, at)
            info = os.lstat(part, dir_fd=here)
            if stat.S_ISLNK(info.st_mode):
                links += 1
                if links > _MAX_LINKS:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
                _check_link(os.fstat(here), info, at)
                target = os.readlink(part, dir_fd=here)
                rest += target.split("/")[::-1]
                if target.startswith("/"):
                    os.close(here)
                    here, shown = os.open("/", flags), ""
                continue
            following = os.open(part, flags, dir_fd=here)
            outer, here = here, following
            try:
                if part != "..":
                    _check_step(os.fstat(outer), os.fstat(here), at, private=private)
            finally:
                os.close(outer)
            shown = os.path.dirname(shown) if part == ".." else at
        return os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=here)
    finally:
        os.close(here)


def _make(fd: int, name: str, mode: int, path: str) -> None:
    try:
        os.lstat(name, dir_fd=fd)
    except FileNotFoundError:
        owner = os.fstat(fd).st_uid
        if os.geteuid() == 0 and owner:
            who = user_name(owner)
            raise PermissionError(
                errno.EPERM, f"root makes no folder {path} in one of user {who}", path
            ) from None
        try:
            os.mkdir(name, mode, dir_fd=fd)
        except FileExistsError:
            return  # another process was faster


def _check_link(folder: os.stat_result, link: os.stat_result, path: str) -> None:
    """Refuse to follow a link that another user could have made."""
    if os.geteuid() != 0:
        return
    if link.st_uid != 0 or folder.st_uid != 0 or _open_to_others(folder):
        raise PermissionError(
            errno.EPERM, f"{path} is a link that another user could have made", path
        )


def _check_step(outer: os.stat_result, inner: os.stat_result, path: str, *, private: bool) -> None:
    """Refuse a folder that the owner of the one around it could have exchanged for another's."""
    me = os.geteuid()
    trusted = (0, me) if me == 0 else (0, me, _UNMAPPED)
    if private and (inner.st_uid not in trusted or _open_to_others(inner)):
        who = f"user {user_name(inner.st_uid)}" if inner.st_uid not in trusted else "others"
        raise PermissionError(errno.EPERM, f"{who} can change what is in {path}", path)
    if me == 0 and outer.st_uid not in (0, inner.st_uid):
        raise PermissionError(
            errno.EPERM,
            f"{path} lies in a folder of user {user_name(outer.st_uid)}, who could exchange it",
            path,
        )


def _open_to_others(info: os.stat_result) -> bool:
    mode = info.st_mode
    if mode & stat.S_ISVTX:  # what is in it can be changed by its own owner only
        return False
    # a plain user's own group is hers alone on most systems
    return bool(mode & stat.S_IWOTH or (mode & stat.S_IWGRP and info.st_gid and not os.geteuid()))


def _belongs(uid: int) -> str:
    return f"it belongs to user {user_name(uid)}"


def user_name(uid: int) -> str:
    """Return the name of a user, or the number."""
    import pwd  # only a refusal needs it

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
