import pytest
from hypothesis import given
from hypothesis import strategies as st

from bmtick.engine.template_uses import read_template
from bmtick.errors import BmtickError
from bmtick.tick import ast
from bmtick.tick.checker import check
from bmtick.tick.formatter import format_program, format_stable
from bmtick.tick.parser import parse, parse_lambda
from bmtick.tick.variables import load_variables, read_variables
from tests.tick.strategies import pipelines, programs, scraps, texts


@given(programs)
def test_what_is_formatted_parses_to_what_it_was(program):
    formatted = format_program(program)
    assert ast.same(parse(formatted), program)
    assert parse(formatted) == program


@given(programs)
def test_format_is_idempotent(program):
    formatted = format_program(program)
    assert format_program(parse(formatted)) == formatted


@given(programs, st.sampled_from([" + ", " +\n", "\n+ "]))
def test_what_is_settled_stays_as_it_is(program, plus):
    text = format_stable(parse(format_program(program).replace(" + ", plus)))
    assert format_program(parse(text)) == text


@given(texts)
def test_no_text_crashes_the_parser(text):
    for read in (parse, parse_lambda):
        refusal = None
        try:
            read(text, file="x.tick")
        except BmtickError as error:
            refusal = error
        if refusal:
            assert refusal.location.file == "x.tick"
            assert 1 <= refusal.location.line <= text.count("\n") + 1
            assert refusal.location.column >= 1
            str(refusal)


@given(programs.map(format_program) | scraps, st.sampled_from([None, "1.5", "1.8"]))
def test_no_text_crashes_the_checker(text, version):
    for finding in check(text, version=version, read_template=read_template):
        assert finding.location.line >= 1
        str(finding)


@given(pipelines(), st.sampled_from([None, "1.5.0", "1.8"]), st.sampled_from([None, {}]))
def test_no_pipeline_crashes_the_checker(script, version, variables):
    for finding in check(script, version=version, variables=variables, read_template=read_template):
        str(finding)


@given(scraps)
def test_no_script_around_scraps_crashes_the_checker(text):
    script = f"stream\n    |from()\n    |alert()\n        .crit(lambda: {text})\n        .id('''{text}''')\n"
    for finding in check(script, read_template=read_template):
        str(finding)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "value", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)
_vars = st.dictionaries(
    st.text(max_size=3),
    st.fixed_dictionaries(
        {
            "type": st.sampled_from(["int", "list", "lambda", "duration", "regex", "bool", "x"]),
            "value": _json,
        }
    )
    | _json,
    max_size=3,
)


@given(_vars)
def test_no_vars_crash_the_reader(data):
    try:
        read_variables(data)
    except BmtickError as error:
        str(error)


@pytest.mark.parametrize("text", ["", "[", "[]", "{", '{"a": 1e}', "[" * 100_000, "5"])
def test_a_broken_vars_file_is_one_located_error(text):
    with pytest.raises(BmtickError) as caught:
        load_variables(text, file="vars.json")
    assert caught.value.location.file == "vars.json"
