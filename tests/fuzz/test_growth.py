"""Long and deep inputs: work grows with their length, never with its square, and depth is refused."""

import pytest

from tests.fuzz import harness

_SMALL = 1_000  # repeats; the large one has twice as many

# target: beginning, what is repeated, end
_PUMPED = {
    "tick": [
        ("var x = ", "(", ""), ("var x = ", "(1+", "1"), ("var x = ", "-", "1"),
        ("var x = ", "!", "TRUE"), ("stream", "|from()", ""), ("stream|from()", ".x()", ""),
        ("var x = [", "'a',", "]"), ("var x = lambda: ", "f(", ")"), ("var x = '", "\\'", "'"),
        ("var x = '''", "''", "'''"), ("var x = /", "\\/", "/"), ("", "// c\n", ""),
        ("var x = ", "1 + ", "1"), ('var x = lambda: "', '\\"', '"'), ("", "var x = 1\n", ""),
        ("var x = ", "9", ""), ("var x = 1.", "9", ""), ("var x = ", "1w", ""),
    ],
    "lambdas": [
        ("", "(", "1"), ("", "abs(", "1"), ("", "-", '"x"'), ("", "!", "TRUE"),
        ("", '"x" + ', '"x"'), ("'", "a", "' =~ /(a*)*b/"), ("", "'a' + ", "'a'"),
    ],
    "templates": [
        ("", "{{if true}}", ""), ("", "{{", ""), ("{{", "(", "}}"), ("{{printf `%", "9", "d` 1}}"),
        ("", "{{/* */}}", ""), ("<a href='", "{{.ID}}", "'>"), ("", "<script>", "{{.ID}}"),
        ("{{", ".x", "}}"), ("{{", "1|print|", "print}}"), ("", "{{define `a`}}", "{{end}}"),
        ("", "<!--", "{{.ID}}"), ("<a b", "=", "{{.ID}}>"), ("<style>", "/*", "{{.ID}}"),
    ],
    "engine": [
        ("stream|from()", "|where(lambda: TRUE)", ""), ("stream", "|from()", ""),
        ("stream|from().where(lambda: ", "(", "TRUE)"), ("var x = ", "1 + ", "1\nstream|from()"),
    ],
    "line_protocol": [
        ("m", ",a=b", " v=1 1"), ("m v=1", ",v=1", " 1"), ('m v="', '\\"', '" 1'),
        ("m", "\\ ", " v=1 1"), ("m v=", "9", "i 1"), ("m v=1 ", "9", ""), ("", "m v=1 1\n", ""),
        ("m v=1", " ", "1"), ("m v=1e", "9", " 1"),
    ],
    "log": [
        ("Jun  1 10:00:00 mx postfix/smtp[1]: A: to=<", ">", ", relay=x"),
        ("Jun  1 10:00:00 mx postfix/smtp[1]: A: to=<a>", ", relay=x", ", status=sent ("),
        ("", "Jun  1 10:00:00 ", ""), ("Jun  1 10:00:00 mx postfix/smtpd[1]: ", "[", ""),
        ("", "Jun  1 10:00:01 mx postfix/qmgr[1]: A: from=<a>, size=1, nrcpt=1 (queue active)\n", ""),
        ("", "Jun  1 10:00:01 mx last message repeated 2 times\n", ""), ("", "\n", ""),
        ("Jun  1 10:00:00 mx postfix/smtpd[1]: A: client=", "x[", "1], sasl_username=a"),
        ("Jun  1 10:00:00 mx postfix/smtpd[1]: warning: x[1]: ", "SASL ", "authentication failed:"),
        ("Jun  1 10:00:00 mx postfix/smtp[1]: ", "message repeated 2 times: [ ", ""),
    ],
    "toml": [
        ("a = ", "[", ""), ("a = ", "{a=", ""), ("", "[a", "]"), ("a", ".a", " = 1"), ("", "[[a]]\n", ""),
        ("[collect]\nlogs = [", "'a',", "]"), ("[collect]\nknown_clients = [", "'1.2.3.4',", "]"),
    ],
    "variables": [("", "[", ""), ('{"a": ', '{"type":"list","value":[', ""), ("", '{"x":', "")],
    "postqueue": [("", "[", ""), ("", "{}\n", ""), ("*** ENVELOPE RECORDS x ***\n", "recipient: a\n", "")],
    "journal": [("", "[", ""), ('{"__CURSOR":"a","MESSAGE":', "[", ""), ("", "{}\n", "")],
    "answers": [("", "[", ""), ('{"tasks":[', '{"id":"a"},', '{"id":"a"}]}')],
    "states": [("", "[", ""), ("", '{"a":', "")],
    "durations": [("", "1s", ""), ("", "9", "s"), ("", "1x1 ", ""), ("'", "a ", "'x2")],
    "cases": [("a = ", "[", ""), ("script = 'x'\nexpect = []\n", "[[series]]\n", "")],
}  # fmt: skip
_PUMPS = [(name, *pump) for name, pumps in _PUMPED.items() for pump in pumps]


def test_every_target_is_pumped():
    assert set(_PUMPED) == set(harness.names())


@pytest.mark.parametrize(("name", "start", "middle", "end"), _PUMPS)
def test_work_grows_with_the_length_alone(name, start, middle, end):
    fuzz = harness.target(name)
    small, large = (
        harness.bounded(fuzz, (start + middle * count + end).encode())
        for count in (_SMALL, 2 * _SMALL)
    )
    assert large < 2.5 * small + 100_000, f"{small} calls, and {large} for twice as much"
