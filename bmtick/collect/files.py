"""Log files: plain or compressed."""

from __future__ import annotations

from bmtick.errors import BmtickError

TYPE_CHECKING = False  # as typing's, whose import costs 3 ms at each start
if TYPE_CHECKING:
    from typing import BinaryIO


def open_log(path: str, stdin: BinaryIO) -> BinaryIO:
    """Open a log for reading; what its first bytes say decides how.

    Raises:
        BmtickError: it cannot be opened, or it is compressed with zstd and no library reads that.
    """
    if path == "-":
        return stdin
    try:
        log = open(path, "rb", buffering=0)  # noqa: SIM115 -- the caller closes it
        magic = log.read(6)
        log.seek(0)
    except OSError as error:
        raise BmtickError(
            f"cannot read the log '{path}': {error.strerror}",
            remedy="name it with --log, and run as a member of its group (adm on Debian)",
        ) from None
    return decompressed(log, magic, path)


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
