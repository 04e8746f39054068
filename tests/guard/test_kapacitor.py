"""An alert of a real Kapacitor's holds the account on two mail servers at once."""

import json
import time
from contextlib import ExitStack

import pytest
import requests
from click.testing import CliRunner

from bmtick.cli.root import cli, main_context
from bmtick.names import FIELDS, SENDER
from tests.guard.support import asking, guard
from tests.support import servers
from tests.support.postfix import postfix
from tests.support.servers import free_port, wait_for

VICTIM, BOB = "victim@example.org", "bob@example.org"
TOKEN = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def two(tmp_path):
    """Two mail servers, each with its guard and the guard's endpoint."""
    with ExitStack() as stack:
        found = []
        for name in ("edge1", "edge2"):
            folder = tmp_path / name
            folder.mkdir()
            token = folder / "web.token"
            token.write_text(TOKEN)
            token.chmod(0o600)
            port, web = free_port(), free_port()
            mta = stack.enter_context(
                postfix(users=dict.fromkeys((VICTIM, BOB), "secret"), settings=asking(port))
            )
            config = (
                f'[guard]\nstate = "{folder}/guard.state"\npoints = ""\n'
                f'[web]\nlisten = "127.0.0.1:{web}"\ntoken_file = "{token}"\n'
                f'[collect]\nlogs = ["{mta.log}"]\n'
            )
            running = stack.enter_context(guard(folder, "--mode", "hold", port=port, config=config))
            found.append((mta, running, f"http://127.0.0.1:{web}/api/alert"))
        yield found


def held(running):
    words = ["held", "--config", str(running.config), "--format", "json"]
    return json.loads(CliRunner().invoke(cli, words).stdout)


def queues(mta):
    return sorted(message["queue_name"] for message in mta.queue())


def test_an_alert_of_kapacitors_holds_on_two_mail_servers(two, influx, tmp_path):
    endpoints = "".join(
        f'[[httppost]]\nendpoint = "guard-{n}"\nurl = "{url}"\n'
        f'headers = {{ Authorization = "Bearer {TOKEN}" }}\n'
        for n, (_, _, url) in enumerate(two)
    )
    with servers.kapacitor(
        tmp_path / "kapacitor", influx, subscriptions=False, extra=endpoints
    ) as kapacitor:
        config = tmp_path / "bmtick.toml"
        config.write_text(
            f'[kapacitor]\nurl = "{kapacitor.url}"\n[influxdb]\nurl = "{influx.url}"\n'
            f'[deploy]\nstate_dir = "{tmp_path}/state"\n[notify]\nrecipients = ["a@example.org"]\n'
            "[alerts.sender_outbreak]\n"
            'post = [{ endpoint = "guard-0" }, { endpoint = "guard-1" }]\n'
        )
        words = ["apply", "--yes", "--config", str(config)]
        applied = CliRunner().invoke(cli, words, obj=main_context())
        assert applied.exit_code == 0, applied.output
        assert (
            TOKEN
            not in requests.get(
                f"{kapacitor.url}/kapacitor/v1/tasks/bmtick-sender_outbreak", timeout=20
            ).text
        )
        facts = dict.fromkeys(FIELDS[SENDER], 0) | {
            "messages": 300,
            "recipients": 900,
            "clients": 80,
            "days": 9,
            "usual": 5,
            "recent_messages": 300,
            "recent_recipients": 900,
            "hour_messages": 300,
            "hour_recipients": 900,
            "hour_refused": 200,
            "hour_blocked": 90,
            "day_recipients": 900,
            "day_refused": 200,
            "day_blocked": 90,
            "new_clients": 80,
        }
        fields = ",".join(f"{name}={value}i" for name, value in facts.items())
        point = f"{SENDER},host=edge1,user={VICTIM} {fields}"
        kapacitor.write(f"{point} {time.time_ns()}")
        wait_for(
            lambda: all(held(running) for _, running, _ in two),
            "the holds",
            seen=lambda: kapacitor.log.read_text()[-3000:],
        )
    for mta, running, _ in two:
        (entry,) = held(running)
        assert (entry["user"], entry["by"], entry["mode"]) == (VICTIM, "web", "hold")
        mta.submit(VICTIM, ["x@example.net"], user=VICTIM, password="secret")
        mta.submit(BOB, ["friend@example.net"], user=BOB, password="secret")
        wait_for(lambda: len(mta.remote.accepted) == 1, "the other's mail")  # noqa: B023
        assert queues(mta) == ["hold"]
