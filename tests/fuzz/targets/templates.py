"""Go's templates, of text and of HTML: they do not parse, they fail as Go's, or give text."""

import json

from bmtick.engine.gotemplate import Template, TemplateError
from bmtick.errors import BmtickError
from tests.fuzz import harness


def seeds():
    """Return some of the templates whose results a real server gave."""
    folder = harness.CORPUS.parents[1] / "engine/gotemplate/cases"
    for path in sorted(folder.glob("*.jsonl")):
        for line in path.read_text("utf-8").split("\n")[:-1:10]:
            yield json.loads(line)["template"]


_DATA = {
    "ID": "postfix_queue_bm-master",
    "Name": "postfix_queue",
    "TaskName": "bmtick-postfix_queue",
    "Group": "host=a",
    "Tags": {"host": "a", "user": "</script>\"'`{{.}}\udcff\0"},
    "Fields": {"value": 5, "x": 2.5, "s": "a\nb", "b": True, "big": 2**63 - 1, "inf": 1e308},
    "ServerInfo": {"Hostname": "h", "ClusterID": "", "ServerID": ""},
    "Level": "CRITICAL",
    "Time": 1_780_000_000_123_456_789,
    "Duration": 3_600_000_000_001,
    "Message": "m",
}


def fuzz(data: bytes) -> None:
    """Compile and execute a template, both ways."""
    text = data.decode("utf-8", "replace")
    for html in (False, True):
        try:
            template = Template(text, html=html, file="x.tick", line=3)
        except BmtickError as error:
            assert error.location and error.location.line >= 3
            str(error)
            continue
        try:
            result = template.execute(_DATA)
        except TemplateError as error:
            str(error)
            continue
        result.encode("utf-8")
