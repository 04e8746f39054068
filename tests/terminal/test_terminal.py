"""Tables fit; what can be copied is never broken; colours only where they are seen."""

import csv
import io

import pytest
from click.testing import CliRunner

from bmtick.cli.root import cli
from bmtick.terminal import Styled, print_table

LOG = "examples/outbreak/mail.log"
ADDRESS = "paul.martin.the.third@mail.department.example.org"
TEXT = "logged in from eighty addresses within one hour, of which none was ever seen before"
COLUMNS = ("user", "since", "recipients", "why")
ROWS = ((ADDRESS, "2026-11-24 03:19:42", "1,266", TEXT), ("bob", "", "7", "nothing"))


@pytest.fixture
def shown(capsys, monkeypatch):
    def show(width, *arguments, **options):
        monkeypatch.setenv("COLUMNS", str(width))
        print_table(*arguments, **options)
        return capsys.readouterr().out

    return show


def test_a_table_has_no_line_that_is_wider(shown):
    for width in (120, 300):
        lines = shown(width, COLUMNS, ROWS).splitlines()
        assert max(map(len, lines)) <= width
        assert lines[0].split() == list(COLUMNS)
        assert ADDRESS in lines[1]
        assert lines[1].index("1,266") + 4 == lines[-1].index("7"), "figures stand to the right"
    assert len(shown(300, COLUMNS, ROWS).splitlines()) == 3


def test_a_long_text_that_would_get_a_narrow_column_stands_below(shown):
    assert shown(100, COLUMNS, ROWS).splitlines() == [
        "user" + " " * 47 + "since                recipients",
        "    why",
        f"{ADDRESS}  2026-11-24 03:19:42       1,266",
        f"    {TEXT}",
        "bob" + " " * 78 + "7",
        "    nothing",
    ]
    lines = shown(60, ("a", "text"), [("x" * 30, f"{TEXT} {TEXT}")]).splitlines()
    assert max(map(len, lines)) <= 60
    assert all(line.startswith("    ") for line in lines[3:])


def test_where_no_table_fits_each_row_is_a_block_of_lines(shown):
    text = shown(60, COLUMNS, ROWS)
    assert text.splitlines() == [
        f"user        {ADDRESS}",
        "since       2026-11-24 03:19:42",
        "recipients  1,266",
        f"why         {TEXT}",
        "",
        "user        bob",
        "recipients  7",
        "why         nothing",
    ]


def test_what_is_left_out_is_counted(shown):
    assert shown(80, ["a"], [["x"]], more=1110).splitlines()[-1] == "... and 1,110 more"


def test_hostile_values_are_text(shown):
    text = shown(40, ["name"], [["\x1b[31m[bold]red\n\u202e"]])
    assert "\\x1b[31m[bold]red\\n\\u202e" in text


def test_levels_have_colours_on_a_terminal_only(capsys, monkeypatch):
    rows = [["CRITICAL", "not CRITICAL"]]
    print_table(["level", "text"], rows)
    assert "\x1b" not in capsys.readouterr().out
    monkeypatch.setenv("FORCE_COLOR", "1")
    print_table(["level", "text"], rows)
    coloured = capsys.readouterr().out
    assert "\x1b[1;31mCRITICAL" in coloured
    assert "mnot CRITICAL" not in coloured
    monkeypatch.setenv("NO_COLOR", "1")
    print_table(["level", "text"], rows)
    assert "31m" not in capsys.readouterr().out


def test_a_translated_word_keeps_its_colour(capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.delenv("NO_COLOR", raising=False)
    print_table(["verdict"], [[Styled("schuldig", "bold red")], ["schuldig"]])
    coloured = capsys.readouterr().out
    assert "\x1b[1;31mschuldig" in coloured
    assert coloured.count("31m") == 1


def _out(*arguments):
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_json_is_an_alias_and_csv_has_the_same_facts():
    command = ("suspects", "--no-queue", "--log", LOG)
    assert _out(*command, "--json") == _out(*command, "--format", "json")
    rows = csv.DictReader(io.StringIO(_out(*command, "--format", "csv")))
    (row,) = [row for row in rows if row.get("list", "suspects") == "suspects"]
    assert row["user"] == "p.martin@example.org"
    assert row["recipients"] == "1266"
    assert row["past.days"] == "0"
    assert "80 addresses" in row["evidence"]


def test_several_lists_are_told_apart_in_csv():
    rows = list(csv.DictReader(io.StringIO(_out("alerts", "postfix_queue", "--format", "csv"))))
    assert {row["list"] for row in rows} == {"parameters", "handlers"}
    assert {"crit", "slack"} <= {row["name"] for row in rows}


def test_a_formula_of_a_spammer_is_not_run_by_a_spreadsheet(monkeypatch):
    name = '=HYPERLINK("http://192.0.2.1")'
    monkeypatch.setattr("bmtick.cli.alerts._summary", lambda alert: {"name": name})
    rows = csv.DictReader(io.StringIO(_out("alerts", "--format", "csv")))
    assert {row["name"] for row in rows} == {f"'{name}"}
