"""Every query of every panel of the dashboards finds what bmtick writes."""

import json
import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from bmtick import names
from bmtick.web.metrics import exposition
from tests.web.support import NOW as BOARD_NOW
from tests.web.support import full_board

FOLDER = Path(__file__).parents[2] / "examples/dashboards"
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


def panels(name):
    content = json.loads((FOLDER / f"{name}.json").read_text())
    return content["dashboard"]["cells"] if "dashboard" in content else content["panels"]


def queries(name):
    for panel in panels(name):
        found = panel["queries"] if "queries" in panel else panel["targets"]
        yield panel.get("title") or panel["name"], found[0].get("query") or found[0]["expr"]


@pytest.mark.parametrize("name", ["chronograf", "grafana"])
def test_every_panel_gets_rows_from_a_real_influxdb(influx, name):
    influx.write(LINES)
    influx.write(ALERT, db=names.ALERTS_DATABASE)
    within = f"time > {NOW - 10**12} AND time < {NOW + 10**12}"
    for title, query in queries(name):
        statement = (
            query.replace("time > :dashboardTime: AND time < :upperDashboardTime:", within)
            .replace(":interval:", "10s")
            .replace("$timeFilter", within)
            .replace("$__interval", "10s")
        )
        assert not re.search(r"[:$]\w+:?", statement.replace("::", "")), title
        database = names.ALERTS_DATABASE if title == "Alerts" else "telegraf"
        assert influx.query(statement, db=database), title


def test_every_query_for_prometheus_names_a_metric_and_its_labels():
    text = exposition(full_board().snapshot(BOARD_NOW), []).decode()
    known = {f.name: f for f in text_string_to_metric_families(text)}
    samples = {s.name: s.labels for family in known.values() for s in family.samples}
    for panel in panels("prometheus"):
        (name,) = set(re.findall(r"bmtick_\w+", panel["targets"][0]["expr"]))
        assert name.removesuffix("_total") in known, panel["title"]
        wanted = set(re.findall(r"\{\{(\w+)\}\}", panel["targets"][0]["legendFormat"]))
        assert wanted <= set(samples.get(name, wanted)), panel["title"]


@pytest.mark.parametrize("name", ["chronograf", "grafana", "prometheus"])
def test_panels_do_not_overlap(name):
    boxes = [tuple((p.get("gridPos") or p)[k] for k in "xywh") for p in panels(name)]
    taken = {(x + i, y + j) for x, y, w, h in boxes for i in range(w) for j in range(h)}
    assert len(taken) == sum(w * h for _, _, w, h in boxes)
