"""The machine on which the README's commands are run: real servers, folders of its own.

Real are bmtick, make, InfluxDB, Postfix, the mail server that takes the alerts, and Kapacitor where
there is one; elsewhere it is the one in memory. What would change this computer is not done but
looked at: packages exist, units are shipped, files would lie where they belong. The unit's program
is run as the unit says.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.docs.blocks import ROOT, Command
from tests.support.postfix import Postfix
from tests.support.servers import Influx, Sink, find_program, wait_for

ACCOUNT = "p.martin@example.org"
UNIT = ROOT / "packaging" / "bmtick-watch.service"
_SETTINGS = "/etc/bmtick/bmtick.toml"


@dataclass
class Done:
    """What a command did."""

    code: int
    stdout: str
    stderr: str = ""


@dataclass
class Machine:
    """Servers by their real addresses, and what stands for them in the documents."""

    folder: Path
    influx: Influx | None = None
    sink: Sink | None = None
    kapacitor_url: str = ""
    real_kapacitor: bool = False
    postfix: Postfix | None = None
    watch_settings: str = ""
    process: subprocess.Popen[str] | None = None
    real: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("etc/bmtick", "etc/telegraf/telegraf.d", "etc/systemd/system"):
            (self.folder / name).mkdir(parents=True)
        self.real = {
            "/etc/": f"{self.folder}/etc/",
            "USER": ACCOUNT,
        }
        if self.postfix:
            self.real["/var/log/mail.log"] = str(self.postfix.log)

    @property
    def settings(self) -> Path:
        return self.folder / _SETTINGS.lstrip("/")

    def run(self, command: Command) -> Done:
        """Run one command of a document; its words as they are, but for names of this machine."""
        way = getattr(self, "_" + command.name.replace("-", "_"), None)
        if way is None:
            pytest.fail(f"{command}: the tests have no way to run '{command.name}'")
        words = [self._here(word) for word in command.words[1:]]
        done: Done = way(words, command.variables)
        if command.target:
            Path(self._here(command.target)).write_text(done.stdout, "utf-8")
        return done

    def close(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()

    def _here(self, word: str) -> str:
        for shown, real in self.real.items():
            word = word.replace(shown, real)
        return word

    def environment(self) -> dict[str, str]:
        found = {**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(self.folder)}
        if self.settings.exists():
            found["BMTICK_CONFIG"] = str(self.settings)
        if self.postfix:
            found["MAIL_CONFIG"] = str(self.postfix.config_directory)
        return found

    # bmtick itself

    def _bmtick(self, words: list[str], _variables: Mapping[str, str]) -> Done:
        if words[0] == "init":  # where the next machine begins
            self.settings.unlink(missing_ok=True)
        if "--test-mail" in words:
            self.settings.write_text(self._watch_settings(), "utf-8")
        done = self._python(["-m", "bmtick", *words], self.environment())
        if words[0] == "init":
            self.settings.write_text(self._edited(self.settings.read_text("utf-8")), "utf-8")
        return done

    def _python(self, words: list[str], environment: Mapping[str, str]) -> Done:
        done = subprocess.run(
            [sys.executable, *words],
            cwd=self.folder,
            env=dict(environment),
            input="y\n",  # apply, rollback and destroy ask
            capture_output=True,
            text=True,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def _edited(self, text: str) -> str:
        """What the administrator changes after init: where the servers are on this machine."""
        for section, url in (("kapacitor", self.kapacitor_url), ("influxdb", self.influx.url)):
            pattern = rf"^(?:# )?\[{section}\]\n(?:# )?url = .*$"
            text, found = re.subn(pattern, f'[{section}]\nurl = "{url}"', text, flags=re.MULTILINE)
            assert found == 1, section
        who = r'^(?:# )?recipients = \["admin@domain.net"\]$'
        text = re.sub(who, 'recipients = ["admin@domain.net"]', text, flags=re.MULTILINE)
        tomllib.loads(text)
        own = f'state = "{self.folder}/collect.state"\nspool = "{self.postfix.queue_directory}"\n'
        text = re.sub(r"^logs = .*$", f'logs = ["{self.postfix.log}"]', text, flags=re.MULTILINE)
        text = re.sub(r"^(queue = .*)$", rf"\1\n{own}", text, flags=re.MULTILINE)
        return text + f'\n[deploy]\nstate_dir = "{self.folder}/state"\n'

    def _watch_settings(self) -> str:
        """The README's own settings file, with the addresses of this machine."""
        text = self.watch_settings
        own = {"host": '"127.0.0.1"', "port": str(self.sink.port), "tls": '"none"'}
        for key, value in own.items():
            text, found = re.subn(rf"^{key} = .*$", f"{key} = {value}", text, flags=re.MULTILINE)
            assert found == 1, key
        text = re.sub(r"^username = .*$", "", text, flags=re.MULTILINE)
        state = f'[watch]\nstate = "{self.folder}/watch.state"'
        collect = f'\n[collect]\nlogs = ["{self.postfix.log}"]\n'
        collect += f'spool = "{self.postfix.queue_directory}"\nqueue = "on"\n'
        return text.replace("[watch]", state) + collect

    # what is run only here

    def _make(self, words: list[str], _variables: Mapping[str, str]) -> Done:
        """Run make with the interpreter of these tests in place of a new .venv.

        The package is not built, which takes minutes and the network: make deb-smoke does that.
        """
        make = shutil.which("make")
        assert make
        if words == ["deb"]:
            words = ["-n", *words]
        venv = self.folder / "venv"
        program = venv / "bin" / "bmtick"
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m bmtick "$@"\n')
        program.chmod(0o755)
        done = subprocess.run(
            [make, "-C", str(ROOT), "-o", f"{venv}/.installed", f"VENV={venv}", *words],
            env={**os.environ, "PYTHONPATH": str(ROOT), "TZ": "UTC"},
            capture_output=True,
            text=True,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def _systemctl(self, words: list[str], _variables: Mapping[str, str]) -> Done:
        verb, unit = words[0], words[-1]
        if unit == "telegraf":
            assert verb == "restart"
            return Done(0, "")
        assert UNIT.stem == unit, "no such unit is shipped"
        assert words[1] == "--now"
        if verb == "enable":
            self._start_unit()
        else:
            assert verb == "disable"
            assert self.process
            self.process.send_signal(signal.SIGTERM)
            assert self.process.wait(120) == 0
        return Done(0, "")

    def _systemd_run(self, words: list[str], variables: Mapping[str, str]) -> Done:
        """Run it; what the unit reads its secrets from must be read here, too."""
        pipe, environment, program, *rest = words
        assert pipe == "--pipe"
        own = environment.removeprefix("--property=").replace(str(self.folder), "")
        assert f"\n{own}\n" in UNIT.read_text()
        assert program == "bmtick"
        return self._bmtick(rest, variables)

    def _start_unit(self) -> None:
        """Start what the unit starts."""
        [program] = re.findall(r"^ExecStart=(.*)$", UNIT.read_text(), re.MULTILINE)
        words = shlex.split(program)
        assert Path(words[0]).name == "bmtick"
        with (self.folder / "journal").open("w") as journal:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "bmtick", *words[1:]],
                cwd="/",
                env=self.environment(),
                stderr=journal,
                text=True,
            )
        wait_for((self.folder / "watch.state").exists, "the watch")

    def _journalctl(self, words: list[str], _variables: Mapping[str, str]) -> Done:
        assert words == ["-u", UNIT.stem]
        return Done(0, (self.folder / "journal").read_text("utf-8"))

    # what is looked at, not done

    def _apt_get(self, words: list[str], _variables: Mapping[str, str]) -> Done:
        assert words[0] == "install"
        program = find_program("apt-cache")
        wanted = []
        for package in words[1:]:
            if package.startswith("./"):
                made = "build/deb/bmtick_*.deb"
                assert package == f"./{made}"
                assert made in (ROOT / "packaging" / "deb_smoke.sh").read_text("utf-8")
            else:
                wanted.append(package)
        found = subprocess.run(
            [program, "show", *wanted], capture_output=True, text=True, check=False
        )
        known = found.stdout.splitlines()
        assert [p for p in wanted if f"Package: {p}" not in known] == [], found.stderr
        return Done(0, "")

    def _pipx(self, words: list[str], variables: Mapping[str, str]) -> Done:
        assert set(variables) == {"PIPX_HOME", "PIPX_BIN_DIR"}
        assert words[0] == "install"
        match = re.fullmatch(r"\.\[(\w+)\]", words[1])
        assert match
        project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
        assert match[1] in project["optional-dependencies"]
        return Done(0, "")
