"""Log files: plain or compressed."""

from __future__ import annotations

from bmtick.errors import BmtickError

TYPE_CHECKING = False  # as typing's, whose import costs 3 ms at each start
if TYPE_CHECKING:
    from typing import BinaryIO


COMPRESSED = (".gz", ".xz", ".zst", ".bz2")
# What decompressors raise, of whose modules only the one that is needed is loaded.
_DAMAGE = ("EOFError", "BadGzipFile", "error", "LZMAError", "OSError", "ZstdError")


def is_damage(error: Exception) -> bool:
    """Whether an error of reading says that the file is cut off or no such archive."""
    return type(error).__name__ in _DAMAGE


def open_log(path: str, stdin: BinaryIO | None) -> BinaryIO:
    """Open a log for reading; what its first bytes say decides how.

    Raises:
        BmtickError: it cannot be opened, or it is compressed with zstd and no library reads that.
    """
    if path == "-" and stdin is not None:
        return _stream(stdin, "stdin")
    try:
        log = open(path, "rb", buffering=0)  # noqa: SIM115 -- the caller closes it
        if not log.seekable():  # a pipe, as of <(zcat mail.log.*.gz)
            import io

            return _stream(io.BufferedReader(log), path)
        magic = log.read(6)
        log.seek(0)
    except OSError as error:
        raise unreadable(path, error) from None
    return decompressed(log, magic, path)


def unreadable(path: str, error: OSError) -> BmtickError:
    """Return what to tell of a log that cannot be opened."""
    remedy = "run as a member of its group (adm on Debian), or name another one with --log"
    if isinstance(error, IsADirectoryError):
        remedy = f"name the files in it: --log '{path.rstrip('/')}/*.log'"
    elif isinstance(error, FileNotFoundError):
        remedy = "name it with --log"
    return BmtickError(f"cannot read the log '{path}': {error.strerror}", remedy=remedy)


def _stream(stream: BinaryIO, name: str) -> BinaryIO:
    """Return a stream of plain bytes: it cannot go back to its first bytes, only peek at them."""
    peek = getattr(stream, "peek", None)
    return decompressed(stream, peek(6)[:6], name) if peek else stream


def decompressed(log: BinaryIO, magic: bytes, path: str) -> BinaryIO:
    """Return a file that reads the plain bytes of a log that may be compressed."""
    if magic.startswith(b"\x1f\x8b"):
        import gzip

        return gzip.GzipFile(fileobj=log)  # type: ignore[return-value]
    if magic.startswith(b"BZh"):
        import bz2

        return bz2.BZ2File(log)  # type: ignore[return-value]
    if magic.startswith(b"\xfd7zXZ\x00"):
        import lzma

        return lzma.LZMAFile(log)  # type: ignore[return-value]
    if magic.startswith(b"\x28\xb5\x2f\xfd"):
        return _zstd(log, path)
    return log


def _zstd(log: BinaryIO, path: str) -> BinaryIO:
    try:
        import zstandard
    except ImportError:
        raise BmtickError(
            f"cannot read the log '{path}': zstandard is not installed",
            remedy="pip install 'bmtick[zstd]', or unpack it with zstd -d",
        ) from None
    reader: BinaryIO = zstandard.ZstdDecompressor().stream_reader(log)
    return reader
