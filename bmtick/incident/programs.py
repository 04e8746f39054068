"""Run other programs with argument lists only, a time limit and the C locale.

This module makes no decisions. Tests and callers may substitute another object for
:class:`Programs`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from bmtick.errors import BmtickError

_ADMIN_PATH = "/usr/sbin:/sbin:/usr/local/sbin:/usr/bin:/bin:/usr/local/bin"
_TIMEOUT = 300.0  # seconds; postsuper is slow on a queue of 100,000 messages


class Result(NamedTuple):
    """Exit status and output of a program."""

    status: int
    stdout: bytes
    stderr: bytes

    @property
    def error(self) -> str:
        """The last line of stderr, or the status."""
        lines = self.stderr.decode("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else f"exit status {self.status}"


@dataclass(frozen=True)
class Programs:
    """The programs of this machine; ``config_directory`` selects one Postfix instance.

    Args:
            config_directory: passed to Postfix's programs as ``-c``; empty: their default.
            path: searched before the usual administrator's folders.
    """

    config_directory: str = ""
    path: str | None = None

    def find(self, name: str) -> str | None:
        """Return the program's path, or None."""
        first = os.environ.get("PATH", "") if self.path is None else self.path
        return shutil.which(name, path=f"{first}:{_ADMIN_PATH}" if self.path is None else first)

    def postfix(self, name: str, *arguments: str) -> tuple[str, ...]:
        """Return the argument list of one of Postfix's programs, for this instance."""
        option = "-C" if name == "sendmail" else "-c"
        chosen = (option, self.config_directory) if self.config_directory else ()
        return (name, *chosen, *arguments)

    def run(
        self, arguments: Sequence[str], *, stdin: bytes = b"", inherit: Sequence[int] = ()
    ) -> Result:
        """Run a program and wait for its end.

        Args:
            arguments: the program and its arguments.
            stdin: its input.
            inherit: descriptors that it keeps open, such as a lock that must outlive this process.

        Raises:
            BmtickError: it is not installed, may not be run, or does not end within 5 minutes.
        """
        command = self.located(arguments)
        try:
            done = subprocess.run(
                command,
                input=stdin,
                capture_output=True,
                check=False,
                timeout=_TIMEOUT,
                pass_fds=inherit,
                env=_environment(),
            )
        except subprocess.TimeoutExpired:
            raise BmtickError(
                f"'{arguments[0]}' did not end within {_TIMEOUT:.0f} s", remedy="run it by hand"
            ) from None
        except OSError as error:
            raise BmtickError(f"cannot run '{command[0]}': {error.strerror}") from None
        return Result(done.returncode, done.stdout, done.stderr)

    def located(self, arguments: Sequence[str]) -> list[str]:
        """Return the arguments with the program's full path.

        Raises:
            BmtickError: it is not installed.
        """
        return [self._required(arguments[0]), *arguments[1:]]

    def _required(self, name: str) -> str:
        found = self.find(name)
        if found is None:
            raise BmtickError(
                f"there is no program '{name}' on this machine",
                remedy="run this on the mail server itself",
            )
        return found


def _environment() -> dict[str, str]:
    return {**os.environ, "LC_ALL": "C"}
