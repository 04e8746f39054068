"""Every alert renders in every form and language, to a script in canonical format."""

import tomllib

import pytest

from bmtick.alerts import catalogue, find, render
from bmtick.errors import BmtickError
from bmtick.tick.formatter import format_program
from bmtick.tick.parser import parse


@pytest.mark.parametrize("language", ["en", "fr", "de"])
@pytest.mark.parametrize("form", ["script", "template"])
@pytest.mark.parametrize("name", sorted(catalogue()))
def test_renders_in_canonical_format(name, form, language):
    script = render(find(name), {"language": language}, form=form).script
    assert format_program(parse(script)) == script


def test_the_seed_mails_admin_at_200():
    script = render(find("postfix_queue"), {}).script
    assert "var crit = 200\n" in script
    assert "var recipients = ['admin@domain.net']\n" in script


def test_template_types_its_vars_and_gives_their_values():
    rendered = render(find("sender_recipients"), {"crit": 7}, form="template")
    assert "var crit int\n" in rendered.script
    assert rendered.variables["crit"] == {"type": "int", "value": 7}
    assert rendered.variables["window"] == {"type": "duration", "value": "10m"}


def test_a_reset_at_the_threshold_itself_is_one():
    assert render(find("postfix_queue"), {"crit": 100, "reset": 100}).values["reset"] == 100


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"crt": 3}, "did you mean 'crit'?"),
        ({"crit": 0}, "1 to 1000000000 messages"),
        ({"crit": "many"}, "is not of type int"),
        ({"crit": True}, "is not of type int"),
        ({"warn": 200}, "is not below crit"),
        ({"crit": 100, "reset": 101}, "is above crit"),
        ({"queues": ["activ"]}, "did you mean 'active'?"),
        ({"queues": []}, "too few"),
        ({"recipients": ["nobody"]}, "is not a mail address"),
        ({"recipients": ["jürgen@example.org"]}, "no SMTPUTF8"),
        ({"recipients": ["a@b.org\r\nBcc: c@d.org"]}, "control character"),
        ({"where": {"hosst": "a"}}, "did you mean 'host'?"),
        ({"where": {"user": "a"}}, "has no tag 'user'"),
        ({"active_hours": ["25-26"]}, "are not hours"),
        ({"maintenance": ["2026-12-24T18:00/2026-12-25T06:00"]}, "no offset"),
        ({"slack": {"chanel": "#x"}}, "did you mean 'channel'?"),
        ({"post": {}}, "needs 'url'"),
        ({"log": "alerts.log"}, "not an absolute path"),
    ],
)
def test_wrong_values_are_refused_with_a_remedy(values, message):
    with pytest.raises(BmtickError) as error:
        render(find("postfix_queue"), values)
    assert message in str(error.value)


@pytest.mark.parametrize("name", sorted(catalogue()))
def test_an_alert_is_complete(name):
    """README, texts in all languages with the same parts, and a case to read."""
    folder = find(name).folder
    assert (folder / "README.md").read_text().startswith(f"# {name}")
    texts = tomllib.loads((folder / "text.toml").read_text())
    assert set(texts) == {"en", "fr", "de"}
    shapes = {
        lang: {k: len(v) if isinstance(v, list) else k for k, v in t.items()}
        for lang, t in texts.items()
    }
    assert shapes["en"] == shapes["fr"] == shapes["de"]
    assert list((folder / "cases").glob("*.toml"))
