"""``bmtick events`` tells what a real Kapacitor recorded in InfluxDB, as ``bmtick watch`` would."""

import json
import time

from bmtick.alerts import find, render
from tests.support.servers import wait_for
from tests.watch.support import SECOND, Box, Script, watch


def test_events_of_a_catalogue_alert(make_bmtick, server, influx, tmp_path):
    influx.execute('DROP SERIES FROM "alerts"')  # of the tests before
    found = render(find("postfix_queue"), {"crit": 200, "recipients": ["q@example.org"]})
    assert server.kapacitor.define(found.task_id, found.script).status_code == 200
    script = Script([5, 300, 10])
    begin = int(time.time()) - 600
    for number, point in enumerate(script.points):
        point.time = (begin + 60 * number) * SECOND
        server.kapacitor.write(point.to_line())

    def recorded():
        series = influx.query("SELECT * FROM autogen.alerts", "chronograf")
        return sum(len(one["values"]) for one in series)

    wait_for(lambda: recorded() >= 2, "the recorded alerts")
    bmtick = make_bmtick(server.kapacitor.url, influx.url)
    told = json.loads(bmtick.run("events", "--alert", "postfix_queue", "--format", "json").stdout)
    mine = [e for e in told if e["time"] >= time.strftime("%Y-%m-%dT%H", time.gmtime(begin))]
    box = Box()
    one = watch(script, box, alerts=[found])
    one.start(from_start=True, now=begin)
    one.tick(begin + 300)
    assert [e["message"] for e in mine[-2:]] == box.subjects
    assert [e["level"] for e in mine[-2:]] == ["CRITICAL", "OK"]
    assert mine[-1]["source"] == "influxdb"
    table = bmtick.run("events", "--since", "1h").stdout
    assert "postfix_queue" in table
    assert "CRITICAL" in table
    influx.execute('DROP SERIES FROM "alerts"')
