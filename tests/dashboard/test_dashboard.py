"""Every query of every panel is run on a real InfluxDB that holds points of the contract."""

import re

import pytest
from click.testing import CliRunner

from bmtick import names
from bmtick.cli.root import cli
from bmtick.dashboard import chronograf_dashboard, grafana_dashboard

NOW = 1_700_000_000_000_000_000
LINES = [
    f"postfix_queue,host=h,queue=active length=3i,size=10i,age=1.5 {NOW}",
    f"postfix_sender,host=h,user=a messages=1i,recipients=2i,bytes=3i,clients=1i,refused=1i {NOW}",
    f"postfix_client,host=h,client=192.0.2.1,known=false messages=1i,recipients=1i,bytes=3i {NOW}",
    f"postfix_auth,host=h,client=192.0.2.1 failures=1i,users=1i {NOW}",
    f"postfix_delivery,host=h,status=sent count=1i,blocked=1i {NOW}",
    f"bmtick_collector,host=h lines=1i,bytes=1i,unparsed=0i,lag=0.5,folded=0i {NOW}",
]
ALERT = (
    f'alerts,alertID=postfix_queue_h,alertName=q,level=CRITICAL,host=h message="m",value=1 {NOW}'
)


def queries(program):
    if program == "chronograf":
        for cell in chronograf_dashboard("telegraf", "autogen")["dashboard"]["cells"]:
            yield cell["name"], cell["queries"][0]["query"]
    else:
        for panel in grafana_dashboard("telegraf", "autogen")["panels"]:
            yield panel["title"], panel["targets"][0]["query"]


@pytest.mark.parametrize("program", ["chronograf", "grafana"])
def test_every_panel_gets_rows_from_a_real_influxdb(influx, program):
    influx.write(LINES)
    influx.write(ALERT, db=names.ALERTS_DATABASE)
    within = f"time > {NOW - 10**12} AND time < {NOW + 10**12}"
    for title, query in queries(program):
        statement = (
            query.replace("time > :dashboardTime: AND time < :upperDashboardTime:", within)
            .replace(":interval:", "10s")
            .replace("$timeFilter", within)
            .replace("$__interval", "10s")
        )
        assert not re.search(r"[:$]\w+:?", statement.replace("::", "")), title
        database = names.ALERTS_DATABASE if title == "Alerts" else "telegraf"
        assert influx.query(statement, db=database), title


@pytest.mark.parametrize("build", [chronograf_dashboard, grafana_dashboard])
def test_panels_do_not_overlap(build):
    content = build("telegraf", "autogen")
    if "panels" in content:
        boxes = [tuple(p["gridPos"][k] for k in "xywh") for p in content["panels"]]
    else:
        boxes = [tuple(c[k] for k in "xywh") for c in content["dashboard"]["cells"]]
    taken = {(x + i, y + j) for x, y, w, h in boxes for i in range(w) for j in range(h)}
    assert len(taken) == sum(w * h for _, _, w, h in boxes)


def test_the_database_name_is_quoted():
    query = chronograf_dashboard('a"b', "autogen")["dashboard"]["cells"][0]["queries"][0]["query"]
    assert r'FROM "a\"b"."autogen"."postfix_queue"' in query


def test_a_file_that_cannot_be_written_is_refused(tmp_path):
    result = CliRunner().invoke(
        cli, ["dashboard", "--for", "grafana", "-o", str(tmp_path / "no" / "x.json")]
    )
    assert result.exit_code == 2
    assert "cannot write" in result.stderr
