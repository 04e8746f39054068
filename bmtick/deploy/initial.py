"""The commented ``bmtick.toml`` that ``bmtick init`` writes, from the detected values. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping

from bmtick.alerts.model import Alert
from bmtick.deploy.detect import Found, top_relays


def initial_settings(found: Found, catalogue: Mapping[str, Alert], language: str = "en") -> str:
    """Return the text of a first settings file, with alerts in this language."""
    logs = found.logs or ["/var/log/mail.log"]
    clients = found.known_clients or ["127.0.0.0/8", "::1"]
    queue = "off" if found.queue_by_telegraf else "auto"
    lines = [
        *_head(found),
        "",
        f'language = "{language}"                         # en, fr, de: messages of the alerts',
        "",
        *_servers(found),
        "",
        "[notify]",
        *_recipients(found),
        "# BlueMind's console shows the alerts in any case; this notifies bm-core as well:",
        '# bluemind = "http://CORE:8090/internal-api/alerts"',
        "",
        "[collect]",
        f"logs = {_list(logs)}",
        "# Machines that may relay without a login, as Postfix trusts them (mynetworks). Name machines",
        "# rather than networks. A trusted machine may relay, up to its own usual peak. A machine",
        "# that is missing here is reported as untrusted once it relays to other servers.",
        *_relaying(found),
        f"known_clients = {_list(clients)}",
    ]
    if found.queue_by_telegraf:
        lines.append("# Telegraf's inputs.postfix measures the queue already.")
    lines += [f'queue = "{queue}"', "", *_watch(found), ""]
    return "\n".join([*lines, *_alerts(catalogue)]) + "\n"


def _head(found: Found) -> list[str]:
    steps = "bmtick plan, bmtick apply" if found.tick_stack else "bmtick watch --test-mail"
    return [
        f"# Settings of bmtick, written by 'bmtick init'. Change them, then: {steps}.",
        "# All parameters of an alert, with their limits: bmtick alerts NAME",
    ]


def _servers(found: Found) -> list[str]:
    lines = [
        "[kapacitor]",
        f"url = {_text(found.kapacitor)}",
        "# A password or a token never stands here: BMTICK_KAPACITOR_USERNAME, _PASSWORD or _TOKEN",
        '# in the environment, or secret_file = "/etc/bmtick/kapacitor.secret" (mode 0600).',
        "",
        "[influxdb]",
        f"url = {_text(found.influxdb)}",
        f"database = {_text(found.database)}",
        f"retention_policy = {_text(found.retention_policy)}",
    ]
    if found.tick_stack:
        return lines
    marked = [f"# {line}" if line and not line.startswith("#") else line for line in lines]
    return ["# No Telegraf, InfluxDB or Kapacitor was found; 'bmtick watch' needs none.", *marked]


def _relaying(found: Found) -> list[str]:
    seen = top_relays(found)
    if not seen:
        return []
    return [
        "# Seen in the newest part of the log, recipients on other servers without a login:",
        *(f"#   {_text(client)}: {count:,}" for client, count in seen),
    ]


def _watch(found: Found) -> list[str]:
    return [
        "# For 'bmtick watch', which needs neither Telegraf, InfluxDB nor Kapacitor: the mail server",
        "# that takes its mails, and BlueMind's name of this server. A password of the mail server:",
        "# BMTICK_SMTP_PASSWORD in the environment, or secret_file (mode 0600).",
        "# [smtp]",
        '# host = "127.0.0.1"',
        "# [watch]" if found.tick_stack else "[watch]",
        f"# datalocation = {_text(found.datalocation or 'bm-master')}",
    ]


def _recipients(found: Found) -> list[str]:
    if found.recipients:
        return ["# As Kapacitor's [smtp] has it.", f"recipients = {_list(found.recipients)}"]
    return [
        "# Nobody was found in Kapacitor's [smtp]. Put your address here: without it, nothing is",
        "# deployed and nobody is notified.",
        '# recipients = ["admin@domain.net"]',
    ]


def _alerts(catalogue: Mapping[str, Alert]) -> list[str]:
    lines = ["# One section for each alert that is on; every parameter has a default.", ""]
    for name, alert in sorted(catalogue.items(), key=lambda item: not item[1].recommended):
        off = "" if alert.recommended else "# "
        lines += [f"# {alert.title}. {alert.summary}", f"{off}[alerts.{name}]"]
        crit = alert.parameters.get("crit")
        if crit is not None and crit.default is not None:
            unit = f"  # {crit.unit}" if crit.unit else ""
            lines.append(f"{off}crit = {json.dumps(crit.default)}{unit}")
        lines.append("")
    return lines[:-1]


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _list(values: list[str]) -> str:
    return "[" + ", ".join(_text(v) for v in values) + "]"
