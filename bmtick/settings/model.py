"""The settings as types: one class per section of ``bmtick.toml``, one attribute per key.

Defaults are those of a BlueMind server that holds the role "metrics database". Secrets are not
among them: user names, passwords and tokens come from the environment or from a 0600 file.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

Language = Literal["en", "fr", "de"]
DurationText = Annotated[str, Meta(pattern=r"^([0-9]+(ns|ms|u|µ|s|m|h|d|w))+$")]
Url = Annotated[str, Meta(pattern=r"^https?://[^\s/]+.*$")]


class Section(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """Base of all sections: unknown keys are errors."""


class Kapacitor(Section, frozen=True, kw_only=True):
    """``[kapacitor]`` or ``[kapacitor.NAME]``: one Kapacitor to deploy to."""

    url: Url = "http://127.0.0.1:9092"
    username: str = ""
    secret_file: str = ""  # 0600; holds the password, or the token where there is no username
    ca_file: str = ""
    client_cert: str = ""
    client_key: str = ""
    verify: bool = True
    timeout: DurationText = "10s"


class InfluxDB(Section, frozen=True, kw_only=True):
    """``[influxdb]``: where the points are, and where alerts are recorded."""

    url: Url = "http://127.0.0.1:8086"
    database: str = "telegraf"
    retention_policy: str = "autogen"
    username: str = ""
    secret_file: str = ""
    org: str = ""  # InfluxDB 2: needed with a token
    ca_file: str = ""
    verify: bool = True
    timeout: DurationText = "30s"


class Chronograf(Section, frozen=True, kw_only=True):
    """``[chronograf]``: only looked at by ``bmtick doctor``."""

    url: Literal[""] | Url = ""


class Notify(Section, frozen=True, kw_only=True):
    """``[notify]``: who is told, and how. Handlers are checked by the alert catalogue."""

    recipients: list[str] = []
    bluemind: str = ""
    post: Any = None
    exec: Any = None
    log: Any = None
    tcp: Any = None
    slack: Any = None
    telegram: Any = None
    teams: Any = None
    pagerduty2: Any = None
    opsgenie2: Any = None
    alerta: Any = None
    sensu: Any = None
    mqtt: Any = None
    snmptrap: Any = None
    victorops: Any = None
    pushover: Any = None


class Collect(Section, frozen=True, kw_only=True):
    """``[collect]``: which logs are read, and which machines may relay without SASL."""

    logs: list[str] = msgspec.field(default_factory=lambda: ["/var/log/mail.log"])
    known_clients: list[str] = msgspec.field(default_factory=lambda: ["127.0.0.0/8", "::1"])
    state: str = "/var/lib/bmtick/collect.state"
    queue: Literal["auto", "on", "off"] = "auto"
    spool: str = "/var/spool/postfix"
    interval: DurationText = "10s"
    max_series: Annotated[int, Meta(ge=1, le=1_000_000)] = 1000
    blocked_patterns: list[str] = []


class Deploy(Section, frozen=True, kw_only=True):
    """``[deploy]``: how alerts are put on a Kapacitor, and where that is remembered."""

    form: Literal["script", "template", "rule"] = "script"
    state_dir: str = ""  # empty: /var/lib/bmtick, or ~/.local/state/bmtick for plain users


class Watch(Section, frozen=True, kw_only=True):
    """``[watch]``: alerts on this machine, without a TICK stack."""

    host: str = ""  # tag host of all points; empty: this machine's name
    datalocation: str = ""  # tag datalocation, BlueMind's name of the server
    state: str = "/var/lib/bmtick/watch.state"
    mail: Literal["smtp", "sendmail", "folder"] = "smtp"
    folder: str = ""  # where mails are put as .eml files, with mail = "folder"
    sendmail: str = "/usr/sbin/sendmail"
    most_waiting: Annotated[int, Meta(ge=1, le=100_000)] = 1000  # deliveries kept for later
    give_up: DurationText = "5d"


class Smtp(Section, frozen=True, kw_only=True):
    """``[smtp]``: the mail server that ``bmtick watch`` hands its mails to."""

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=1, le=65535)] = 25
    sender: str = ""  # empty: bmtick@ and the machine's name
    tls: Literal["none", "starttls", "tls"] = "none"
    ca_file: str = ""
    verify: bool = True
    username: str = ""
    secret_file: str = ""  # 0600; holds the password
    timeout: DurationText = "30s"


class Settings(Section, frozen=True, kw_only=True):
    """All of ``bmtick.toml``.

    ``kapacitor`` maps names to servers; a plain ``[kapacitor]`` section is named ``default``.
    ``alerts`` maps instance names to parameters, which the catalogue checks.
    """

    language: Language = "en"
    kapacitor: dict[str, Kapacitor] = msgspec.field(
        default_factory=lambda: {"default": Kapacitor()}
    )
    influxdb: InfluxDB = InfluxDB()
    chronograf: Chronograf = Chronograf()
    notify: Notify = Notify()
    collect: Collect = Collect()
    deploy: Deploy = Deploy()
    watch: Watch = Watch()
    smtp: Smtp = Smtp()
    alerts: dict[str, dict[str, Any]] = {}
    path: str = ""  # the file these come from; empty: defaults
