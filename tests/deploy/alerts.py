"""Small alerts in the catalogue's shape, and a bmtick that deploys them.

``python -m tests.deploy.alerts FILE ARGUMENT...`` runs bmtick with the alerts that FILE (JSON)
lists instead of the catalogue's: for tests that kill it.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path

SCRIPT = """stream
    |from()
        .measurement('{measurement}')
        .groupBy('user')
    |alert()
        .crit(lambda: "value" > {crit})
        .id('{name}_{{{{ index .Tags "user" }}}}')
        .message('{name} {{{{ .Level }}}} {{{{ index .Tags "user" }}}}')
        .details('seen')
        .stateChangesOnly(1h)
        .topic('bmtick-{name}')
        .category('bmtick-{name}')
        .email('{mail}')
"""
TEMPLATE = """var crit float
var mail string
var id string
stream
    |from()
        .measurement('{measurement}')
        .groupBy('user')
    |alert()
        .crit(lambda: "value" > crit)
        .id(id)
        .message('{alert} {{{{ .Level }}}} {{{{ index .Tags "user" }}}}')
        .details('seen')
        .stateChangesOnly(1h)
        .email(mail)
"""


@dataclass
class Alert:
    """What ``bmtick.alerts.desired`` yields, as far as deploying needs it."""

    name: str
    alert: str
    task_id: str
    script: str
    variables: dict = field(default_factory=dict)
    dbrps: list = field(default_factory=lambda: [{"db": "telegraf", "rp": "autogen"}])
    handlers: list = field(default_factory=lambda: ["email"])
    form: str = "script"
    made_by: str = ""


def alert(name: str, crit: float = 1.0, measurement: str = "probe", **extra) -> Alert:
    mail = extra.pop("mail", f"{name}@example.org")
    script = SCRIPT.format(name=name, crit=crit, measurement=measurement, mail=mail)
    return Alert(name, name, f"bmtick-{name}", extra.pop("script", script), **extra)


def templated(name: str, kind: str, crit: float = 1.0, measurement: str = "probe") -> Alert:
    variables = {
        "crit": {"type": "float", "value": crit},
        "mail": {"type": "string", "value": f"{name}@example.org"},
        "id": {"type": "string", "value": name + '_{{ index .Tags "user" }}'},
    }
    script = TEMPLATE.format(alert=kind, measurement=measurement)
    return Alert(name, kind, f"bmtick-{name}", script, variables, form="template")


def write(path: Path, alerts: list[Alert]) -> None:
    path.write_text(json.dumps([asdict(a) for a in alerts]))


def install(path: Path) -> None:
    """Let ``bmtick.alerts.desired`` give what the file lists at the time of the call."""
    import bmtick.alerts

    def desired(settings, form="script"):
        del settings, form
        return [Alert(**a) for a in json.loads(path.read_text())]

    bmtick.alerts.desired = desired


if __name__ == "__main__":
    from bmtick.cli import main

    install(Path(sys.argv[1]))
    sys.argv = ["bmtick", *sys.argv[2:]]
    main()
