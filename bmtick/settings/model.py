"""The settings as types: one class per section of ``bmtick.toml``, one attribute per key.

Defaults fit a BlueMind server with the role "metrics database". There are no secrets: user names,
passwords and tokens come from the environment or from a 0600 file.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from bmtick import collector_options

Language = Literal["en", "fr", "de"]
DurationText = Annotated[str, Meta(pattern=r"^([0-9]+(ns|ms|u|µ|s|m|h|d|w))+$")]
PORT = "([0-9]{1,4}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
Url = Annotated[str, Meta(pattern=r"^https?://[^\s/]+.*$")]

Username = Annotated[
    str, Meta(description="User name; its password comes from the environment or secret_file.")
]
SecretFile = Annotated[
    str,
    Meta(
        description="File of mode 0600 with the password, or the token where there is no username."
    ),
]
CaFile = Annotated[str, Meta(description="Certificate of the private CA that signed the server's.")]
Verify = Annotated[bool, Meta(description="Check the server's certificate.")]
Timeout = Annotated[DurationText, Meta(description="Timeout of an answer.")]


def _collector(key: str) -> Any:
    """Return the default of an option of the collector."""
    return collector_options.KEYS[key].default


def _described(key: str) -> Meta:
    """Return description and bounds of an option of the collector."""
    option = collector_options.KEYS[key]
    if option.high:
        return Meta(description=option.text, ge=option.low, le=option.high)
    return Meta(description=option.text)


class Section(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """Base of all sections: unknown keys are errors."""


class Kapacitor(Section, frozen=True, kw_only=True):
    """``[kapacitor]`` or ``[kapacitor.NAME]``: the server of Bm-tick that runs the alerts."""

    url: Annotated[Url, Meta(description="Kapacitor's address, without a password.")] = (
        "http://127.0.0.1:9092"
    )
    username: Username = ""
    secret_file: SecretFile = ""
    ca_file: CaFile = ""
    client_cert: Annotated[
        str, Meta(description="Client certificate, if the server requires one.")
    ] = ""
    client_key: Annotated[
        str, Meta(description="Key of client_cert; empty: it is in the same file.")
    ] = ""
    verify: Verify = True
    timeout: Timeout = "10s"


class InfluxDB(Section, frozen=True, kw_only=True):
    """``[influxdb]``: the database of Bm-tick, with Telegraf's points and the alerts' history."""

    url: Annotated[Url, Meta(description="InfluxDB's address, without a password.")] = (
        "http://127.0.0.1:8086"
    )
    database: Annotated[
        str, Meta(description="Database that Telegraf writes to (InfluxDB 2: the bucket).")
    ] = "telegraf"
    retention_policy: Annotated[str, Meta(description="Its retention policy.")] = "autogen"
    username: Username = ""
    secret_file: SecretFile = ""
    org: Annotated[str, Meta(description="Organisation of InfluxDB 2, which needs a token.")] = ""
    ca_file: CaFile = ""
    verify: Verify = True
    timeout: Timeout = "30s"


class Chronograf(Section, frozen=True, kw_only=True):
    """``[chronograf]``: only used by ``bmtick doctor``."""

    url: Annotated[
        Literal[""] | Url,
        Meta(description="Chronograf's address, only for 'bmtick doctor'. Empty: not checked."),
    ] = ""


class Notify(Section, frozen=True, kw_only=True):
    """``[notify]``: recipients and channels of the alerts."""

    recipients: Annotated[
        list[str],
        Meta(description="Mail addresses that get every alert; an alert may have its own."),
    ] = []
    bluemind: Annotated[
        str,
        Meta(description="Address of bm-core for alerts, http://CORE:8090/internal-api/alerts."),
    ] = ""
    gather: Annotated[
        bool,
        Meta(
            description="bmtick watch groups alerts into incidents: one mail with updates and an all-clear; false: one mail for each alert."
        ),
    ] = True
    digest: Annotated[
        Literal["off", "daily", "weekly"],
        Meta(
            description="bmtick watch mails a digest: largest senders, refusals, fired alerts, holds, the queue's length over time."
        ),
    ] = "off"
    digest_at: Annotated[
        str,
        Meta(
            pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$",
            description="Time of the digest, HH:MM in local time.",
        ),
    ] = "07:00"
    digest_day: Annotated[
        Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"],
        Meta(description="Day of the weekly digest."),
    ] = "monday"
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


class Channels(Section, frozen=True, kw_only=True):
    """``[channels]``: Slack, Teams, Telegram, Matrix, ntfy, ..., used by ``bmtick watch``."""

    file: Annotated[
        str,
        Meta(
            description="File of mode 0600 with a line NAME = URL for each channel, with Apprise's URLs. Variables BMTICK_CHANNEL_NAME add channels."
        ),
    ] = ""
    level: Annotated[
        Literal["INFO", "WARNING", "CRITICAL"],
        Meta(description="The lowest level that is sent to channels."),
    ] = "WARNING"


class Collect(Section, frozen=True, kw_only=True):
    """``[collect]``: which logs are read, and which machines may relay without SASL."""

    logs: Annotated[list[str], _described("logs")] = msgspec.field(
        default_factory=lambda: list(_collector("logs"))
    )
    known_clients: Annotated[list[str], _described("known_clients")] = msgspec.field(
        default_factory=lambda: list(_collector("known_clients"))
    )
    state: Annotated[str, _described("state")] = _collector("state")
    queue: Annotated[Literal["auto", "on", "off"], _described("queue")] = _collector("queue")
    spool: Annotated[str, _described("spool")] = _collector("spool")
    interval: Annotated[DurationText, _described("interval")] = _collector("interval")
    max_series: Annotated[int, _described("max_series")] = _collector("max_series")
    blocked_patterns: Annotated[list[str], _described("blocked_patterns")] = []


class Deploy(Section, frozen=True, kw_only=True):
    """``[deploy]``: how alerts are deployed to Kapacitor, and where the history is stored."""

    form: Annotated[
        Literal["script", "template", "rule"],
        Meta(
            description="How alerts are deployed to Kapacitor: as scripts, as a template with variables, or as rules that Chronograf can edit."
        ),
    ] = "script"
    state_dir: Annotated[
        str,
        Meta(
            description="Journal and history, for rollback. Empty: /var/lib/bmtick-admin, or ~/.local/state/bmtick for plain users."
        ),
    ] = ""


class Watch(Section, frozen=True, kw_only=True):
    """``[watch]``: alerts on this machine, without a TICK stack."""

    host: Annotated[
        str, Meta(description="This server's name in the alerts. Empty: the machine's name.")
    ] = ""
    datalocation: Annotated[
        str, Meta(description="BlueMind's name of this server; it ends the ids of the alerts.")
    ] = ""
    state: Annotated[
        str,
        Meta(
            description="State that survives restarts: position in the log, firing alerts, undelivered notifications."
        ),
    ] = "/var/lib/bmtick/watch.state"
    mail: Annotated[
        Literal["smtp", "sendmail", "folder"],
        Meta(
            description="How mails are sent: smtp by the server of [smtp], sendmail by that program, folder as files in folder."
        ),
    ] = "smtp"
    folder: Annotated[str, Meta(description='Folder for .eml files, with mail = "folder".')] = ""
    sendmail: Annotated[str, Meta(description='The program, with mail = "sendmail".')] = (
        "/usr/sbin/sendmail"
    )
    max_queue_length: Annotated[
        int,
        Meta(
            ge=1,
            le=100_000,
            description="Maximum number of notifications that are kept while the mail server is unreachable.",
        ),
    ] = 1000
    max_retry_age: Annotated[
        DurationText, Meta(description="A notification that fails for longer is given up.")
    ] = "5d"


class Smtp(Section, frozen=True, kw_only=True):
    """``[smtp]``: the mail server that ``bmtick watch`` sends its mails to."""

    host: Annotated[
        str,
        Meta(
            description="The mail server. Prefer another one than the watched one, whose blocked queue would hold the alert, too."
        ),
    ] = "127.0.0.1"
    port: Annotated[int, Meta(ge=1, le=65535, description="Its port.")] = 25
    sender: Annotated[
        str, Meta(description="From: address. Empty: bmtick@ and the machine's name.")
    ] = ""
    tls: Annotated[
        Literal["none", "starttls", "tls"],
        Meta(
            description="tls from the start (port 465), starttls (port 587), or none (this machine only, when there is a password)."
        ),
    ] = "none"
    ca_file: CaFile = ""
    verify: Verify = True
    username: Annotated[
        str,
        Meta(
            description="User name; its password comes from BMTICK_SMTP_PASSWORD or from secret_file."
        ),
    ] = ""
    secret_file: Annotated[str, Meta(description="File of mode 0600 with the password.")] = ""
    timeout: Timeout = "30s"


class Guard(Section, frozen=True, kw_only=True):
    """``[guard]``: Postfix's policy service, which holds the mail of spammers."""

    mode: Annotated[
        Literal["observe", "hold"],
        Meta(
            description="observe only records what it would have held ('bmtick held' lists it); hold holds it."
        ),
    ] = "observe"
    listen: Annotated[
        str,
        Meta(
            pattern=f"^(inet:.+:{PORT}|unix:/.+)$",
            description="Address that Postfix connects to: inet:HOST:PORT or unix:PATH.",
        ),
    ] = "inet:127.0.0.1:10040"
    state: Annotated[str, Meta(description="State: the holds and their messages.")] = (
        "/var/lib/bmtick-guard/guard.state"
    )
    factor: Annotated[
        float,
        Meta(
            ge=1.0,
            description="Mail of a machine is held at this multiple of the evidence at which its alert fires, and only if there is evidence besides volume.",
        ),
    ] = 1.5
    user_factor: Annotated[
        float,
        Meta(
            ge=1.0,
            description="The same for a user.",
        ),
    ] = 2.0
    helper: Annotated[
        str,
        Meta(
            description="Socket of bmtick-guard-queue.service, which runs postsuper for a guard that is not root."
        ),
    ] = "/run/bmtick-guard-queue/socket"
    points: Annotated[
        str,
        Meta(
            description="File with the holds for 'bmtick collect', which writes measurement postfix_guard. Empty: none."
        ),
    ] = "/run/bmtick-guard/points.json"


class Web(Section, frozen=True, kw_only=True):
    """``[web]``: page, JSON and metrics of ``bmtick watch`` and ``bmtick guard``."""

    listen: Annotated[
        str,
        Meta(
            pattern=f"^(.+:{PORT})?$",
            description="HOST:PORT, such as 127.0.0.1:8089. Empty: off. An address other than loopback needs token_file.",
        ),
    ] = ""
    token_file: Annotated[
        str,
        Meta(
            description="File of mode 0600 with the token of requests: 'Authorization: Bearer TOKEN'."
        ),
    ] = ""


class Blocklists(Section, frozen=True, kw_only=True):
    """``[blocklists]``: DNS block lists that are queried for this server."""

    lists: Annotated[
        list[str],
        Meta(
            description='Names such as "zen.spamhaus.org". Empty: none is queried, since each has terms of use.'
        ),
    ] = []
    resolver: Annotated[
        str,
        Meta(
            description="ADDRESS or ADDRESS:PORT of the resolver. Empty: the system's. Most lists refuse public resolvers."
        ),
    ] = ""
    addresses: Annotated[
        list[str],
        Meta(description="Public addresses of this server. Empty: Postfix's or this machine's."),
    ] = []


class Settings(Section, frozen=True, kw_only=True):
    """All of ``bmtick.toml``.

    ``kapacitor`` maps names to servers; a plain ``[kapacitor]`` section is named ``default``.
    ``alerts`` maps instance names to parameters, which the catalogue checks.
    """

    language: Annotated[
        Language, Meta(description="Language of messages and mails: English, French or German.")
    ] = "en"
    kapacitor: dict[str, Kapacitor] = msgspec.field(
        default_factory=lambda: {"default": Kapacitor()}
    )
    influxdb: InfluxDB = InfluxDB()
    chronograf: Chronograf = Chronograf()
    notify: Notify = Notify()
    channels: Channels = Channels()
    collect: Collect = Collect()
    deploy: Deploy = Deploy()
    watch: Watch = Watch()
    smtp: Smtp = Smtp()
    guard: Guard = Guard()
    web: Web = Web()
    blocklists: Blocklists = Blocklists()
    alerts: dict[str, dict[str, Any]] = {}
    path: str = ""  # the file that was read; empty: defaults
    hints: list[str] = []  # keys with old names
