"""Detect Bm-tick, Telegraf, Postfix and the mail log for ``bmtick init``. Read-only.

Sources: BlueMind's files in ``/etc/telegraf/telegraf.d`` (``bm-postfix.conf``, ``output.conf``),
Kapacitor's and InfluxDB's ``/ping``, Kapacitor's configuration API, ``postconf``.
"""

from __future__ import annotations

import ipaddress
import os
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bmtick.collect.batch import rows_of_logs
from bmtick.collect.options import DEFAULT_KNOWN, Options
from bmtick.deploy.client import KapacitorError, connect
from bmtick.documents import load_toml, read_text
from bmtick.errors import BmtickError
from bmtick.httpclient import HttpClient
from bmtick.names import CLIENT, FIELDS, OTHER
from bmtick.settings import Kapacitor

KAPACITOR_PORT, INFLUXDB_PORT = 9092, 8086
MAIL_LOGS = ("/var/log/mail.log", "/var/log/maillog", "/var/log/mail/mail.log")
_TIMEOUT = 3.0

Run = Callable[[list[str]], str]

_MAX_LOG_BYTES = 64 << 20  # bytes of the log that are searched for relaying machines
_MACHINES = 20
_RELAYED = list(FIELDS[CLIENT]).index("relayed")


@dataclass
class Found:
    """Detected values. ``notes`` and ``missing`` describe for the user what was found or not."""

    kapacitor: str = ""
    influxdb: str = ""
    tick_stack: bool = False  # one of the two answers, or was given by the user
    database: str = "telegraf"
    retention_policy: str = "autogen"
    datalocation: str = ""
    bluemind: bool = False
    queue_by_telegraf: bool = False
    logs: list[str] = field(default_factory=list)
    known_clients: list[str] = field(default_factory=list)
    relaying: dict[str, int] = field(default_factory=dict)  # client: outside recipients
    recipients: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


def detect(root: Path, *, kapacitor: str = "", influxdb: str = "", run: Run | None = None) -> Found:
    """Examine a machine.

    Args:
        root: its root folder; ``/``, or a copy.
        kapacitor: URL of Kapacitor; empty: beside InfluxDB, then on this machine.
        influxdb: URL of InfluxDB; empty: Telegraf's output, then this machine.
        run: runs a command and returns its output; raises OSError on failure.
    """
    found = Found()
    _telegraf(root, found, influxdb)
    _influxdb(found, influxdb)
    _kapacitor(found, kapacitor)
    _postfix(root, found, run or run_command)
    _mail_log(root, found)
    _relaying(root, found)
    return found


def run_command(command: list[str]) -> str:
    """Run a command without a shell and return its output."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    if done.returncode:
        raise OSError(done.stderr.strip()[:200] or f"{command[0]} failed")
    return done.stdout


def _telegraf(root: Path, found: Found, influxdb: str) -> None:
    folder = root / "etc/telegraf"
    paths = [*sorted((folder / "telegraf.d").glob("*.conf")), folder / "telegraf.conf"]
    configs = [(p, c) for p in paths if (c := _read_toml(p, found)) is not None]
    if not configs:
        found.missing.append("Telegraf: no readable configuration in /etc/telegraf")
    for path, config in configs:
        inputs, outputs = _tables(config, "inputs"), _tables(config, "outputs")
        tags = config.get("global_tags")
        if isinstance(tags, dict) and tags.get("datalocation") and not found.datalocation:
            found.datalocation = str(tags["datalocation"])
            found.notes.append(f"datalocation '{found.datalocation}' in {path.name}")
        if "postfix" in inputs:
            found.queue_by_telegraf = True
            found.notes.append(f"Telegraf's inputs.postfix is on ({path.name})")
        output = next(iter(outputs.get("influxdb", [])), {})
        urls = output.get("urls") or ([output["url"]] if output.get("url") else [])
        if urls and not found.influxdb and not influxdb:
            found.influxdb = str(urls[0]).rstrip("/")
            found.database = str(output.get("database") or found.database)
            found.retention_policy = str(output.get("retention_policy") or found.retention_policy)
            found.notes.append(f"Telegraf writes to {found.influxdb} ({path.name})")
    names = {path.name for path, _ in configs}
    found.bluemind = bool(names & {"bm-postfix.conf", "bm-telegraf.conf"})
    found.bluemind = found.bluemind or (root / "etc/bm/bm.ini").exists()
    if found.bluemind:
        found.notes.append("BlueMind with Bm-tick")


def _read_toml(path: Path, found: Found) -> dict[str, Any] | None:
    try:
        return load_toml(read_text(path), file=path.name)
    except BmtickError as error:
        if path.exists():
            found.missing.append(f"{path.name} is passed over: {error.message}")
        return None


def _tables(config: dict[str, Any], key: str) -> dict[str, list[dict[str, Any]]]:
    section = config.get(key)
    if not isinstance(section, dict):
        return {}
    return {
        name: [t for t in (value if isinstance(value, list) else [value]) if isinstance(t, dict)]
        for name, value in section.items()
    }


def _influxdb(found: Found, given: str) -> None:
    named = given or found.influxdb
    url = named or f"http://127.0.0.1:{INFLUXDB_PORT}"
    version = _ping(url, "/ping", "InfluxDB", "X-Influxdb-Version")
    found.influxdb = url.rstrip("/")
    found.tick_stack = bool(named) or version is not None
    if version is None:
        found.missing.append(f"InfluxDB: no answer at {found.influxdb}")
    else:
        found.notes.append(f"InfluxDB {version} at {found.influxdb}".replace("  ", " "))


def _kapacitor(found: Found, given: str) -> None:
    beside = re.sub(r":\d+$", f":{KAPACITOR_PORT}", found.influxdb)
    places = [given] if given else [beside, f"http://127.0.0.1:{KAPACITOR_PORT}"]
    for url in dict.fromkeys(places):
        version = _ping(url, "/kapacitor/v1/ping", "Kapacitor", "X-Kapacitor-Version")
        if version is not None:
            found.kapacitor = url.rstrip("/")
            found.tick_stack = True
            found.notes.append(f"Kapacitor {version} at {found.kapacitor}".replace("  ", " "))
            _recipients(found)
            return
    found.kapacitor = places[0].rstrip("/")
    found.tick_stack |= bool(given) or found.bluemind
    found.missing.append(f"Kapacitor: no answer at {' or '.join(dict.fromkeys(places))}")


def _ping(url: str, path: str, name: str, header: str) -> str | None:
    try:
        client = HttpClient(url, name=name, timeout=_TIMEOUT, tries=1)
        return client.request("GET", path).header(header)
    except KapacitorError as error:
        return "" if error.status in {401, 403} else None


def _recipients(found: Found) -> None:
    try:
        client = connect("default", Kapacitor(url=found.kapacitor, timeout="3s"))
        elements = client.config_section("smtp") or []
    except BmtickError as error:
        found.missing.append(f"Kapacitor's recipients: {error.message}")
        elements = []
    for options in elements:
        if not options.get("enabled"):
            found.missing.append("[smtp] is not enabled in kapacitor.conf: no alert can be mailed")
        found.recipients += [str(to) for to in options.get("to") or []]
    if found.recipients:
        found.notes.append(f"Kapacitor mails to {', '.join(found.recipients)}")
    else:
        found.missing.append("recipients: Kapacitor's [smtp] names none")


def _postfix(root: Path, found: Found, run: Run) -> None:
    folder = root / "etc/postfix"
    if not (folder / "main.cf").exists():
        found.missing.append("Postfix: no /etc/postfix/main.cf")
        return
    try:
        text = run(["postconf", "-c", str(folder), "-x", "-h", "mynetworks"])
    except (OSError, subprocess.SubprocessError):
        text = _main_cf(folder / "main.cf").get("mynetworks", "")
    networks, others = _networks(text)
    found.known_clients = networks
    if networks:
        found.notes.append(f"Postfix trusts {', '.join(networks)} (mynetworks)")
    else:
        found.missing.append("Postfix: mynetworks could not be read")
    if others:
        found.missing.append(f"mynetworks names tables, add their machines: {' '.join(others)}")


def _relaying(root: Path, found: Found) -> None:
    """Count the mail that machines without login relayed outside, in the newest part of the log."""
    if not found.logs:
        return
    path = root / found.logs[0].lstrip("/")
    try:
        with path.open("rb") as log:
            log.seek(max(0, path.stat().st_size - _MAX_LOG_BYTES))
            if log.tell():
                log.readline()
            options = Options(known=found.known_clients or DEFAULT_KNOWN)
            for name, tags, fields, _ in rows_of_logs(["-"], options, log):
                relayed = int(fields[_RELAYED]) if name == CLIENT and tags[0] != OTHER else 0
                if relayed:
                    found.relaying[tags[0]] = found.relaying.get(tags[0], 0) + relayed
    except (OSError, BmtickError) as error:
        found.missing.append(f"machines that relay: {error}")
        return
    for client, relayed in top_relays(found):
        found.notes.append(f"{client} sent to {relayed:,} recipients elsewhere without a login")


def top_relays(found: Found) -> list[tuple[str, int]]:
    """Return the machines that relayed most, largest first."""
    return sorted(found.relaying.items(), key=lambda item: (-item[1], item[0]))[:_MACHINES]


def _main_cf(path: Path) -> dict[str, str]:
    """Parse ``name = value`` lines; a line that begins with a space continues the previous one."""
    values: dict[str, str] = {}
    name = ""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return values
    for line in lines:
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if line[0].isspace() and name:
            values[name] += " " + line.strip()
        elif "=" in line:
            name, value = (part.strip() for part in line.split("=", 1))
            values[name] = value
    return values


def _networks(text: str) -> tuple[list[str], list[str]]:
    networks, others = [], []
    for word in re.split(r"[\s,]+", text.strip()):
        plain = re.sub(r"^\[(.*)\](/\d+)?$", r"\1\2", word)
        try:
            network = ipaddress.ip_network(plain, strict=False)
        except ValueError:
            others += [word] if word else []
            continue
        mapped = getattr(network.network_address, "ipv4_mapped", None)
        if mapped is None:  # ::ffff:127.0.0.0/104 is the same as 127.0.0.0/8
            networks.append(str(network).removesuffix("/32").removesuffix("/128"))
    return list(dict.fromkeys(networks)), others


def _mail_log(root: Path, found: Found) -> None:
    own = _main_cf(root / "etc/postfix/main.cf").get("maillog_file", "")
    for name in [*([own] if own.startswith("/") else []), *MAIL_LOGS]:
        path = root / name.lstrip("/")
        if path.is_file():
            found.logs = [name]
            readable = os.access(path, os.R_OK)
            found.notes.append(f"mail log {name}" + ("" if readable else ", not readable for you"))
            return
    found.missing.append(f"mail log: none of {', '.join(MAIL_LOGS)}")
