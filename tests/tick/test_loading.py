"""Load directories: folders under ``cases/load``, and ``expected.txt`` as ``bmtick check`` says."""

import json
import os
import re
from pathlib import Path

import pytest
import requests
import yaml
from click.testing import CliRunner

from bmtick.cli.root import cli
from bmtick.tick.findings import has_errors
from bmtick.tick.loading import HANDLER_OPTIONS, check_document

CASES = Path(__file__).parent / "cases" / "load"


def run(*args, **options):
    return CliRunner().invoke(cli, ["check", *(str(a) for a in args)], **options)


@pytest.mark.parametrize("name", ["whole", "broken"])
def test_a_load_directory_is_checked_as_a_whole(name):
    result = run(CASES / name)
    said = result.stdout.replace(f"{CASES / name}/", "")
    if os.environ.get("BMTICK_RECORD"):
        (CASES / name / "expected.txt").write_text(said)
    assert said == (CASES / name / "expected.txt").read_text()
    assert result.exit_code == (0 if name == "whole" else 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\n", "this is no topic handler and no task"),
        ("[1]\n", "this is no mapping"),
        ("a: [\n", "not YAML"),
        ("topic: a\nid: b\nkind: tcp\noptions: [1]\n", "'options' is no mapping"),
        ("topic: 5\nid: b\nkind: talk\n", "'topic' is no text"),
        ("topic: a\nid: b\nkind: talk\nmatch: 'level( > 1'\n", "in match: "),
        ("template-id: a\nvars: [1]\n", "'vars' is no mapping"),
        ("template-id: a\ndbrps: [telegraf]\n", "'dbrps' is no list"),
    ],
)
def test_a_wrong_document_is_an_error_at_its_place(text, message):
    found = check_document(text, file="x.yaml")
    assert any(message in f.message and f.location.line for f in found if f.severity == "error")


def test_a_hostile_document_is_refused_or_checked():
    bomb = "a: &a [x]\n" + "".join(f"b{i}: &b{i} [*a, *a, *a]\n" for i in range(50))
    for text in (bomb, "[" * 5000, "? {a: b}\n: c\n", "!!python/object:os.system x\n", "\x00"):
        assert has_errors(check_document(text, file="x.yaml"))


def _handlers():
    for path in sorted(CASES.glob("*/handlers/*")):
        try:
            spec = json.loads(path.read_text()) if path.suffix == ".json" else None
            spec = spec or yaml.safe_load(path.read_text())
        except (yaml.YAMLError, ValueError):
            continue
        yield f"{path.parent.parent.name}-{path.stem}", spec
    for kind in ("log", "exec", "tcp", "publish", "post", "slack"):
        yield f"{kind}-bare", {"topic": "t", "id": "i", "kind": kind}
    for kind in HANDLER_OPTIONS:
        options = {"no-such-option": 1}
        yield f"{kind}-unknown", {"topic": "t", "id": "i", "kind": kind, "options": options}


NEWER = {"bigpanda", "zenoss"}  # not in 1.5.7


@pytest.mark.parametrize(("name", "spec"), [pytest.param(*h, id=h[0]) for h in _handlers()])
def test_a_real_kapacitor_refuses_the_same_handlers(name, spec, kapacitor):
    if spec["kind"] in NEWER:
        pytest.skip("the kind came after 1.5.7")
    topic = spec["topic"]
    url = f"{kapacitor.url}/kapacitor/v1/alerts/topics/{topic}/handlers"
    reply = requests.post(url, json=spec, timeout=120)
    if reply.ok:
        requests.delete(f"{url}/{spec['id']}", timeout=120)
    ours = has_errors(check_document(json.dumps(spec), file="x.json"))
    if not reply.ok and re.search("not enabled|must be configured", reply.text):
        pytest.skip("the server's own settings decide")
    assert ours == (not reply.ok), reply.text


# -- files, folders and forms of output

GOOD = "stream\n    |from()\n        .measurement('cpu')\n    |log()\n"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "good.tick").write_text(GOOD)
    (tmp_path / "broken.tick").write_text("stream|")
    (tmp_path / "t.tick").write_text("var crit int\n\n" + GOOD.replace("|log", "|sample(crit)|log"))
    (tmp_path / "t.vars.json").write_text('{"crit": {"type": "float", "value": 1.5}}')
    (tmp_path / "handler.yaml").write_text("topic: t\nid: i\nkind: nosuch\n")
    return tmp_path


def test_a_folder_means_all_scripts_below_it_with_the_vars_beside_them(folder):
    result = run(folder)
    assert result.exit_code == 1
    assert "broken.tick:1:8: error" in result.stdout
    assert "t.tick:1:5: error: the var 'crit' is an int, and a float is given" in result.stdout


def test_a_glob_is_expanded_where_no_shell_does(folder):
    assert "broken.tick" in run(folder / "b*.tick").stdout
    assert run(folder / "no*.tick").exit_code == 2


def test_a_folder_without_scripts_is_wrong_use(tmp_path):
    result = run(tmp_path)
    assert result.exit_code == 2
    assert "no scripts here" in result.stderr


def test_a_handler_alone_is_no_script(folder):
    result = run(folder / "handler.yaml")
    assert result.exit_code == 1
    assert "handler.yaml:3:1: error: no kind of handler 'nosuch'" in result.stdout


def test_github(tmp_path):
    script = tmp_path / "a,b.tick"
    script.write_text("stream|")
    line = run(script, "--format", "github").stdout
    file = f"{tmp_path}/a%2Cb.tick"
    assert line.startswith(f"::error file={file},line=1,col=8,title=bmtick syntax::the script ends")


def test_sarif(folder):
    log = json.loads(run(folder, "--format", "sarif").stdout)
    (one,) = log["runs"]
    assert log["version"] == "2.1.0"
    assert {r["id"] for r in one["tool"]["driver"]["rules"]} == {"syntax", "var-type"}
    result = one["results"][0]
    assert (result["level"], result["ruleId"]) == ("error", "syntax")
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == f"{folder}/broken.tick"
    assert place["region"] == {"startLine": 1, "startColumn": 8}
