"""What the engine has not, or Kapacitor would not take, is refused where it stands."""

import pytest

from bmtick.engine import load_task
from bmtick.errors import BmtickError

NOT_HERE = {
    "queryFlux": "batch\n|queryFlux('')",
    "holtWinters": "stream|from()\n|holtWinters('v', 3, 0, 1m)",
    "holtWintersWithFit": "stream|from()\n|holtWintersWithFit('v', 3, 0, 1m)",
    "k8sAutoscale": "stream|from()\n|k8sAutoscale()",
    "swarmAutoscale": "stream|from()\n|swarmAutoscale()",
    "ec2Autoscale": "stream|from()\n|ec2Autoscale()",
    "@own": "stream|from()\n@own()",
}


@pytest.mark.parametrize(("name", "script"), NOT_HERE.items(), ids=NOT_HERE)
def test_what_is_not_here_is_named_with_its_line(name, script):
    with pytest.raises(BmtickError, match="not supported") as raised:
        load_task(script, file="s.tick", name="s")
    assert name in raised.value.message
    assert raised.value.location.line == 2
    assert raised.value.location.column > 0
    assert raised.value.excerpt == script.splitlines()[1]


WRONG = {
    "must be a float, not a int": "stream|from()|percentile('v', 90)",
    "did you use double quotes": 'stream|from().measurement("m")',
    "takes 1 argument, not 0": "stream|from()|where()",
    "did you mean 'alert'": "stream|from()|alrt()",
    "write .period": "stream|from()|window()|period(1s)",
    "write |where": "stream|from()|window().where(lambda: TRUE)",
    "attempted to redefine x": "var x = 1\nvar x = 2",
    "'y' is not defined": "stream|from()|where(lambda: y > 1)",
    "missing value for var 'x'": "var x int\nstream|from()",
    "invalid var type 'number'": "var x number\nstream|from()",
    "non zero period": "stream|from()|window()",
    "cannot specify both period": "stream|from()|window().period(1s).periodCount(1)",
    "takes a stream": "stream|from()|window().period(1s)|window().period(1s)",
    "same number of expressions": "stream|from()|eval(lambda: 1)",
    "empty string": "stream|from().groupBy('')",
    "both '*' and named": "stream|from().groupBy(*, 'x')",
    "exclude requires": "stream|from()|groupBy('x').exclude('y')",
    "between 0 and 1": "stream|from()|alert().flapping(0.1, 1.5)",
    "URL or endpoint": "stream|from()|alert().post()",
    "unsupported data type": "stream|from()|alert().snmpTrap('1').data('1', 'x', '2')",
    "join.as() is required": "var a = stream|from()\na|join(a)",
    "unexpected fill option": "var a = stream|from()\na|join(a).as('x', 'y').fill('z')",
    "invalid sample rate": "stream|from()|sample(0)",
    "non zero duration": "stream|from()|shift(0s)",
    "idle must be greater": "stream|from()|barrier()",
    "positive interval": "stream|from()|stats(0s)",
    "must be positive": "stream|from()|deadman(1.0, 0s)",
    "float, int, string or bool": "stream|from()|default().field('x', 1s)",
    "cannot chain |shift()": "stream|from()|shift(1s)|shift(1s)",
    "already in use": "stream|from()|httpOut('a')|httpOut('a')",
    "must provide url or endpoint": "stream|from()|httpPost()",
    "0 or 1 arguments": "stream|from()|httpPost('a', 'b')",
    "only one endpoint and url": "stream|from()|httpPost('a').endpoint('b')",
    "0 or 1 endpoints": "stream|from()|httpPost().endpoint('a').endpoint('b')",
    "cannot set 'authenticate'": "stream|from()|httpPost('a').header('Authenticate', 'x')",
    "unclosed action": "stream|from()|httpPost('a{{')",
    "must specify a database": "stream|from()|kapacitorLoopback().retentionPolicy('r')",
    "must specify a retention policy": "stream|from()|kapacitorLoopback().database('d')",
    "loop detected": 'dbrp "d"."r"\n'
    "stream|from()|kapacitorLoopback().database('d').retentionPolicy('r')",
    "unsupported source scheme": "stream|from()|sideload().source('http://x')",
    "must be absolute": "stream|from()|sideload().source('file:x')",
    "there is no folder": "stream|from()|sideload().source('file:///not/there')",
    "the template fails": "stream|from()|alert().message('{{ .ID')",
    "the script is empty": " \n",
    "nodes in a row": "stream|from()" + "|log()" * 120,
    "nests too deeply": "stream|from()" + "|log()" * 2000,
}


@pytest.mark.parametrize(("message", "script"), WRONG.items(), ids=WRONG)
def test_what_kapacitor_would_not_take(message, script):
    with pytest.raises(BmtickError) as raised:
        load_task(script, file="s.tick", name="s")
    assert message in str(raised.value)
    assert raised.value.location.file == "s.tick"
