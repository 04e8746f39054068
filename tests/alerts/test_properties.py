"""Any values render to a script that parses, and parse to what went in; or are refused."""

from hypothesis import given, settings
from hypothesis import strategies as st

from bmtick.alerts import catalogue, find, render
from bmtick.alerts.assign import assignments
from bmtick.alerts.quoting import go_text, tick_string
from bmtick.durations import SECOND, format_duration
from bmtick.errors import BmtickError
from bmtick.tick import ast
from bmtick.tick.formatter import format_program
from bmtick.tick.parser import parse

HOSTILE = st.text(
    st.sampled_from("'\\\"{}<>$`\n\r\t ,;=%üa1_.-é\u2028\U0001f600") | st.characters(), max_size=30
)


def declared(script: str) -> dict[str, ast.Node]:
    """The variables of a script by name."""
    program = parse(script)
    assert format_program(program) == script
    return {s.name.name: s.value for s in program.statements if isinstance(s, ast.Declaration)}


def literal(node: ast.Node) -> object:
    if isinstance(node, ast.ListNode):
        return [literal(item) for item in node.items]
    return node.nanoseconds if isinstance(node, ast.Duration) else node.value


def strings(node: object) -> set[str]:
    """Every string literal anywhere in a tree."""
    if isinstance(node, ast.String):
        return {node.value}
    if isinstance(node, list):
        return set().union(*map(strings, node)) if node else set()
    if hasattr(node, "__slots__"):
        return set().union(
            *(strings(getattr(node, name)) for cls in type(node).__mro__
              for name in getattr(cls, "__slots__", ()) if name not in ("pos", "comment"))
        )  # fmt: skip
    return set()


def attempt(alert, values, form="script"):
    """The rendered alert, or the reason why not."""
    try:
        return render(alert, values, form=form), ""
    except BmtickError as error:
        return None, error.message


@st.composite
def a_value(draw, parameter):
    """A value within the limits of a parameter."""
    if parameter.type == "int":
        return draw(st.integers(int(parameter.min), int(parameter.max)))
    if parameter.type == "float":
        return draw(st.floats(parameter.min, parameter.max, allow_subnormal=False))
    if parameter.type == "duration":
        low, high = int(parameter.min) // SECOND, int(parameter.max) // SECOND
        return format_duration(draw(st.integers(low, high)) * SECOND)
    if parameter.choices and parameter.type == "list":
        return draw(st.lists(st.sampled_from(parameter.choices), min_size=1, unique=True))
    if parameter.choices:
        return draw(st.sampled_from(parameter.choices))
    if parameter.format == "mail address":
        local = st.from_regex(r"[A-Za-z0-9!#$%&'*+/=?^`{|}~-]{1,12}", fullmatch=True)
        return draw(
            st.lists(local.map(lambda text: f"{text}@example.org"), max_size=3, unique=True)
        )
    return parameter.default


@st.composite
def an_alert(draw):
    alert = find(draw(st.sampled_from(sorted(catalogue()))))
    chosen = draw(st.lists(st.sampled_from(sorted(alert.parameters)), unique=True))
    return alert, {name: draw(a_value(alert.parameters[name])) for name in chosen}


@settings(max_examples=150, deadline=None)
@given(an_alert(), st.sampled_from(["script", "template"]))
def test_values_arrive_as_they_went_in(alert_and_values, form):
    alert, values = alert_and_values
    rendered, refused = attempt(alert, values, form)
    if rendered is None:
        assert "is not below" in refused or "is above" in refused
        return
    variables = declared(rendered.script)
    for name in values:
        parameter = alert.parameters[name]
        expected = rendered.values[name]
        if not parameter.variable or expected in (None, []):
            continue
        if name == "sigma_least" and rendered.values["sigma"] is None:
            continue
        if parameter.variable in variables:
            assert literal(variables[parameter.variable]) == expected
        if form == "template":
            value = rendered.variables[parameter.variable]["value"]
            if parameter.type == "duration":
                assert value == format_duration(expected)
            elif parameter.type == "list":
                assert [item["value"] for item in value] == expected
            else:
                assert value == expected


@settings(max_examples=300, deadline=None)
@given(HOSTILE)
def test_a_string_literal_means_its_text_or_is_refused(text):
    try:
        written = tick_string(text)
    except BmtickError:
        assert (text.endswith("\\") and ("'''" in text or "'" in text)) or any(
            0xD800 <= ord(c) < 0xE000 for c in text
        )
        return
    assert declared(f"var x = {written}\n")["x"] == ast.String(text)


@settings(max_examples=150, deadline=None)
@given(HOSTILE, HOSTILE)
def test_hostile_texts_arrive_or_are_refused(tag, option):
    values = {"where": {"host": tag}, "slack": {"username": option}, "alerta": {"resource": option}}
    rendered, refused = attempt(find("postfix_queue"), values)
    if rendered is None:
        assert refused
        return
    found = strings(parse(rendered.script))
    assert {tag, option, go_text(option)} <= found


@settings(max_examples=200, deadline=None)
@given(HOSTILE, HOSTILE)
def test_settings_on_the_command_line_are_read_or_refused(key, value):
    alert = find("sender_recipients")
    for text in (f"{key}={value}", f"crit={value}", f"where.{key}={value}", f"post={value}"):
        try:
            render(alert, assignments(alert, [text]))
        except BmtickError:
            continue


@settings(max_examples=100, deadline=None)
@given(st.lists(HOSTILE, max_size=3))
def test_recipients_arrive_or_are_refused(recipients):
    try:
        script = render(find("postfix_queue"), {"recipients": recipients}).script
    except BmtickError:
        return
    if recipients:
        assert literal(declared(script)["recipients"]) == recipients
