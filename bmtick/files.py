"""Files that bmtick writes: checked owners, no planted links, atomic, mode 0600.

The administrator's commands run as root, also in folders of Telegraf's user. The owner of a folder
can rename its files and replace them by links. So a folder is opened once, by the rules of
systemd's ``chase()`` with ``CHASE_SAFE``, and its files are accessed through its descriptor:

- a symbolic link is followed only if no other user could have created it;
- a path never leads from a folder of an ordinary user into one of another user;
- a ``private`` folder and all folders above it belong to root or to the user who runs this;
- a file is a regular one with a single name, of root, of this user, or of the folder's owner;
- new files are created exclusively, and replaced by a rename.

Errors are OSError; ``strerror`` contains the problem and the path. This module imports nothing that
would slow down the collector, which starts every ten seconds.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import time
from binascii import hexlify

TYPE_CHECKING = False  # as in typing, whose import costs 3 ms at each start
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

_MAX_LINKS = 40  # Linux's limit
_UNMAPPED = 65534  # in a container, the owner of files of outside users
_LOCK_INTERVAL = 0.05  # seconds between two attempts to lock


class Folder:
    """An open folder; a context manager.

    Args:
        path: of the folder.
        create: create it and missing folders above it.
        private: reject a folder that belongs to another user than root or the present one, or that
            others can change. Without it, files that root creates are given to the folder's owner,
            so that a command run manually as root does not lock out the service.
        mode: of a new folder.

    Raises:
        OSError: it cannot be opened, or another user could change the path's target.
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
        """Close the folder; may be called again."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def sub(self, name: str, *, create: bool = False) -> Folder:
        """Return a folder in this one; a new one has mode 0700."""
        inner = Folder.__new__(Folder)
        inner.path, inner._private = os.path.join(self.path, _plain(name)), self._private  # noqa: SLF001 -- same class
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
        """Return the names in the folder, sorted."""
        return sorted(os.listdir(self.fd))

    def info(self, name: str) -> os.stat_result | None:
        """Return the status of a name (of a link itself), or None if it does not exist."""
        try:
            return os.lstat(_plain(name), dir_fd=self.fd)
        except FileNotFoundError:
            return None

    def open(self, name: str, flags: int = os.O_RDONLY) -> int:
        """Open an existing file; return its descriptor.

        Raises:
            OSError: it does not exist, is not a regular file, or belongs to another user.
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
        """Return the content of a file.

        Args:
            name: of the file.
            limit: bytes; a longer file is an error.
        """
        with os.fdopen(self.open(name), "rb") as file:
            data = file.read(limit + 1 if limit >= 0 else -1)
        if 0 <= limit < len(data):
            raise OSError(errno.EFBIG, f"it is longer than {limit:,} bytes", self._at(name))
        return data

    def create(self, name: str, data: bytes = b"", *, durable: bool = True) -> None:
        """Write a new file, mode 0600.

        Raises:
            FileExistsError: the name exists.
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
        """Create a new file; return its descriptor."""
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
        """Write a file, replacing an existing regular one."""
        try:
            self.create(name, data, durable=durable)
        except FileExistsError:
            if not stat.S_ISREG(os.lstat(name, dir_fd=self.fd).st_mode):
                raise OSError(errno.EINVAL, "it is no plain file", self._at(name)) from None
            os.unlink(name, dir_fd=self.fd)
            self.create(name, data, durable=durable)

    def replace(self, name: str, data: bytes, *, durable: bool = True) -> None:
        """Replace a file atomically, mode 0600: a reader sees the old or the new content."""
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
        """Append to a file, which is created if missing, and sync it to disk."""
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
        """Rename within the folder; an existing file of the new name is replaced."""
        os.rename(_plain(old), _plain(new), src_dir_fd=self.fd, dst_dir_fd=self.fd)

    def remove(self, name: str) -> None:
        """Remove a file, if it exists."""
        try:
            os.unlink(_plain(name), dir_fd=self.fd)
        except FileNotFoundError:
            return

    def sync(self) -> None:
        """Sync the folder's names to disk, if its file system supports it."""
        try:
            os.fsync(self.fd)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.EROFS):
                raise

    def lock(self, name: str, wait: float = 0.0) -> int:
        """Take a lock that ends with this process or with ``os.close`` of the returned descriptor.

        Args:
            name: of the lock file, which is kept.
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
                time.sleep(_LOCK_INTERVAL)
            except BaseException:
                os.close(fd)
                raise
            else:
                return fd

    def locked(self, name: str) -> bool:
        """Whether a process holds a lock."""
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
            return  # the kernel prevents opening another user's descriptors
        if info.st_uid not in (0, os.fstat(self.fd).st_uid) or info.st_nlink > 1:
            what = "it has another name" if info.st_nlink > 1 else _belongs(info.st_uid)
            raise PermissionError(errno.EPERM, f"{what}; root does not use it", self._at(name))


def write_output(path: str | os.PathLike[str], data: bytes | str, mode: int | None = None) -> None:
    """Write a file that the user named, atomically; an existing file keeps its mode and owner.

    A link is followed if no other user could have created it. Special files such as ``/dev/stdout``
    are written to directly.

    Args:
        path: of the file; its folder must exist.
        data: text is written as UTF-8, lone surrogates as ``?``.
        mode: of the file; None: the umask's for a new one, unchanged for an existing one.

    Raises:
        OSError: it cannot be written; the existing file is unchanged.
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
    """Move a folder of root or this user from its former place to its present one.

    Nothing happens if the old folder does not exist, if the new one exists already, or if another
    user created the old one.

    Args:
        old: the folder's former path, perhaps within a folder of another user.
        new: its present path; the folder above it must exist.

    Returns:
        Whether it was moved.

    Raises:
        OSError: it cannot be moved, e.g. to another file system.
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
    # folders above the current one count, too
    rest = os.path.join(os.getcwd(), path).split("/")[::-1]
    fd, shown, links = os.open("/", flags), "", 0
    try:
        while rest:
            part = rest.pop()
            if part in ("", "."):
                continue
            at = f"{shown}/{part}"
            if create is not None:
                _make(fd, part, 0o755 if any(rest) else create, at)
            info = os.lstat(part, dir_fd=fd)
            if stat.S_ISLNK(info.st_mode):
                links += 1
                if links > _MAX_LINKS:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
                _check_link(os.fstat(fd), info, at)
                target = os.readlink(part, dir_fd=fd)
                rest += target.split("/")[::-1]
                if target.startswith("/"):
                    os.close(fd)
                    fd, shown = os.open("/", flags), ""
                continue
            following = os.open(part, flags, dir_fd=fd)
            outer, fd = fd, following
            try:
                if part != "..":
                    _check_step(os.fstat(outer), os.fstat(fd), at, private=private)
            finally:
                os.close(outer)
            shown = os.path.dirname(shown) if part == ".." else at
        return os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=fd)
    finally:
        os.close(fd)


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
    """Reject a link that another user could have created."""
    if os.geteuid() != 0:
        return
    if link.st_uid != 0 or folder.st_uid != 0 or _is_shared_writable(folder):
        raise PermissionError(
            errno.EPERM, f"{path} is a link that another user could have made", path
        )


def _check_step(outer: os.stat_result, inner: os.stat_result, path: str, *, private: bool) -> None:
    """Reject a folder that the owner of the outer folder could have replaced."""
    me = os.geteuid()
    trusted = (0, me) if me == 0 else (0, me, _UNMAPPED)
    if private and (inner.st_uid not in trusted or _is_shared_writable(inner)):
        who = f"user {user_name(inner.st_uid)}" if inner.st_uid not in trusted else "others"
        raise PermissionError(errno.EPERM, f"{who} can change what is in {path}", path)
    if me == 0 and outer.st_uid not in (0, inner.st_uid):
        raise PermissionError(
            errno.EPERM,
            f"{path} lies in a folder of user {user_name(outer.st_uid)}, who could exchange it",
            path,
        )


def _is_shared_writable(info: os.stat_result) -> bool:
    mode = info.st_mode
    if mode & stat.S_ISVTX:  # its files can only be changed by their owners
        return False
    # on most systems a user's own group has no other members
    return bool(mode & stat.S_IWOTH or (mode & stat.S_IWGRP and info.st_gid and not os.geteuid()))


def _belongs(uid: int) -> str:
    return f"it belongs to user {user_name(uid)}"


def user_name(uid: int) -> str:
    """Return the name of a user, or the number."""
    import pwd  # only needed for an error

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
