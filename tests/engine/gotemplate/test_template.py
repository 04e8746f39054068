"""Where a template is refused, and how; what administrators write most."""

import pytest

from bmtick.engine.gotemplate import Template, TemplateError
from bmtick.engine.lambdas import Duration, Time
from bmtick.errors import BmtickError

DATA = {
    "Name": "postfix_queue",
    "TaskName": "bmtick-postfix_queue",
    "Group": "host=bm",
    "Tags": {"host": "bm", "user": "<script>alert(1)</script>"},
    "ServerInfo": {"Hostname": "kap", "ClusterID": "c", "ServerID": "s"},
    "ID": "postfix_queue_bm",
    "Fields": {"length": 1200, "age": 1234567.5},
    "Level": "CRITICAL",
    "Time": Time(1_700_000_000_123_456_789),
    "Duration": Duration(90_000_000_000),
}


@pytest.mark.parametrize(
    ("template", "text"),
    [
        (
            '{{ .ID }} is {{ .Level }}: {{ index .Fields "length" }}',
            "postfix_queue_bm is CRITICAL: 1200",
        ),
        ('{{ index .Fields "age" }}', "1.2345675e+06"),
        ('{{ index .Fields "age" | printf "%.1f" }} s', "1234567.5 s"),
        ("{{ .Time }}", "2023-11-14 22:13:20.123456789 +0000 UTC"),
        ('{{ .Time.Format "02.01.2006 15:04" }}', "14.11.2023 22:13"),
        ("{{ .Duration }}", "1m30s"),
        ('{{ if eq .Level "OK" }}over{{ else }}on{{ end }}', "on"),
        ("{{ range $k, $v := .Tags }}{{ $k }} {{ end }}", "host user "),
        ("{{ .Fields.nothing }}", "<no value>"),
        ("a {{- /* trimmed */ -}} b", "ab"),
    ],
)
def test_texts(template, text):
    assert Template(template).execute(DATA) == text


def test_details_escape_hostile_values():
    html = Template("<td>{{ .Tags.user }}</td>", html=True)
    assert html.execute(DATA | {"Message": ""}) == (
        "<td>&lt;script&gt;alert(1)&lt;/script&gt;</td>"
    )


def test_a_refusal_says_where():
    with pytest.raises(BmtickError) as raised:
        Template("one\n  {{ .ID | shout }}", file="a.tick", line=7)
    assert raised.value.location.line == 8
    assert "function 'shout' not defined" in raised.value.message


@pytest.mark.parametrize(
    "template",
    [
        "<script>{{ .ID }}</script>",
        '<b onclick="{{ .ID }}">',
        "<a href='{{ .ID }}",
        "<b {{if .ID}}>",
    ],
)
def test_unsafe_html_is_refused(template):
    with pytest.raises(BmtickError):
        Template(template, html=True)


def test_a_failing_run_says_why():
    with pytest.raises(TemplateError, match="can't evaluate field Nope"):
        Template("{{ .Nope }}").execute(DATA)


@pytest.mark.parametrize(
    ("html", "where"),
    [
        ("<p {{ .ID }}>x</p>", "as the name of an attribute"),
        ("<p a{{ .ID }}='1'>x</p>", "as the name of an attribute"),
        ("<p style=\"font-family:'{{ .ID }}'\">x</p>", "in a CSS string"),
        ("<p style='background:url({{ .ID }})'>x</p>", "in a CSS URL"),
        ("<p style='background:url(\"{{ .ID }}\")'>x</p>", "in a CSS string"),
        ("<style>/* {{ .ID }} */ p {}</style>", "in a CSS comment"),
        ("<img srcset='{{ .ID }} 2x'>", "in srcset"),
    ],
)
def test_where_no_mail_puts_a_value_it_is_refused_with_its_line(html, where):
    with pytest.raises(BmtickError, match=f"a value {where} is not supported") as raised:
        Template(f"<b>\n{html}", html=True, file="s.tick", line=3)
    assert raised.value.location.line == 4


@pytest.mark.parametrize(
    "html",
    [
        "<style>p { background: url(http://a/b); } /* c */ b { font: 'x\\'y' }</style>{{ .ID }}",
        "<p style=\"color: {{ .ID }}; background: url('x')\">{{ .ID }}</p>",
        '<meta content="0; url=http://a/b"><a {{ if .ID }}class="b"{{ end }}>{{ .ID }}</a>',
    ],
)
def test_the_same_without_a_value_is_fine(html):
    assert "ident" in Template(html, html=True).execute({"ID": "ident", "Message": "m"})
