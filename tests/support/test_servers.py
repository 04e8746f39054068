"""The servers that the other tests believe in: do they do what they are for?"""

import time

from tests.support.servers import wait_for

SCRIPT = """
stream
    |from()
        .measurement('probe')
    |alert()
        .crit(lambda: "value" > 1.0)
        .id('probe')
        .message('{{ .Level }}')
        .details('<b>seen</b>')
        .email('probe@example.org')
"""


def test_influxdb_gives_back_what_was_written(influx):
    influx.write("probe_influx,a=b value=1.5 1000000000")
    assert influx.query("SELECT value FROM probe_influx")[0]["values"] == [[1000000000, 1.5]]


def test_kapacitor_mails_through_a_real_subscription(influx, kapacitor, sink):
    assert kapacitor.define("probe", SCRIPT).status_code == 200
    wait_for(lambda: influx.query("SHOW SUBSCRIPTIONS"), "the subscription")

    def mailed():
        influx.write(f"probe value=2.5 {time.time_ns()}")
        return any(m["to"] == "probe@example.org" for m in sink.messages)

    wait_for(mailed, "the mail")
    kapacitor.delete("probe")
