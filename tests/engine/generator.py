"""Random scripts over random points, for comparison with a real Kapacitor.

Pure: everything follows from the seed. ``wild`` adds what real data has: late and repeated
times, fields that are missing or change their type. Joins and unions are left out of wild
cases: Kapacitor runs their parents at once, so that late points meet in an order of chance.
"""

from dataclasses import dataclass
from random import Random

START = 1_700_000_000
_FIELDS = ("v", "n", "s", "b")
_NUMBERS = ("v", "n")


@dataclass
class Case:
    """A script and the lines of its points."""

    script: str
    lines: list[str]


def generate(seed: int, *, wild: bool) -> Case:
    """Return case number seed."""
    random = Random(seed)
    return Case(_Script(random, wild=wild).text(), _points(random, wild=wild))


# --- points ---------------------------------------------------------------------------------


def _points(random: Random, *, wild: bool) -> list[str]:
    lines = []
    now = START * 1000 + random.choice((0, 0, 3217))
    for _ in range(random.randint(20, 90)):
        now += random.choice((0, 0, 1000, 1000, 1000, 2000, 5000, 11_000, 250))
        time = now
        if wild and random.random() < 0.12:
            time -= random.randint(1, 20) * random.choice((1000, 1000, 137))
        if random.random() < 0.01:
            now += 120_000
        lines.append(f"{_series(random)} {_fields(random, wild=wild)} {time}000000")
    return lines


def _series(random: Random) -> str:
    name = random.choice(("m", "m", "m", "k"))
    tags = ""
    if random.random() < 0.95:
        tags += f",host={random.choice('abc')}"
    if random.random() < 0.6:
        tags += ",svc=" + random.choice(("x", r"y\ z"))
    return name + tags


def _fields(random: Random, *, wild: bool) -> str:
    values = {
        "v": repr(round(random.uniform(-5, 20), random.choice((0, 1, 3)))),
        "n": f"{random.randint(-3, 12)}i",
        "s": f'"{random.choice(("up", "down", "up"))}"',
        "b": random.choice(("true", "false")),
    }
    if wild:
        if random.random() < 0.08:
            values["v"] = values["n"]
        if random.random() < 0.05:
            values["n"] = random.choice(('"text"', "1.25", "true"))
        for name in _FIELDS:
            if random.random() < 0.08 and len(values) > 1:
                del values[name]
    return ",".join(f"{k}={v}" for k, v in values.items())


# --- scripts --------------------------------------------------------------------------------


class _Script:
    def __init__(self, random: Random, *, wild: bool) -> None:
        self.random = random
        self.wild = wild
        self.endpoints = 0
        # Fields that are known to be there, as far as the script is concerned.
        self.numbers = list(_NUMBERS)

    def pick(self, *items):
        return self.random.choice(items)

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def text(self) -> str:
        parts = [f"var data = stream{self.source()}"]
        if not self.wild and self.chance(0.3):
            parts.append(self.two_parents())
        else:
            parts += ["data" + self.branch() for _ in range(self.random.randint(1, 2))]
        return "\n".join(parts) + "\n"

    def source(self) -> str:
        text = "\n    |from()"
        if self.chance(0.8):
            text += ".measurement('m')"
        if self.chance(0.3):
            text += f".where(lambda: {self.condition()})"
        text += self.pick(
            "", ".groupBy('host')", ".groupBy('host', 'svc')", ".groupBy(*)", ".groupBy('svc')"
        )
        if self.chance(0.15):
            text += ".groupByMeasurement()"
        if self.chance(0.15):
            text += self.pick(".truncate(3s)", ".round(1s)", ".truncate(500ms)", ".round(7s)")
        return text

    def branch(self) -> str:
        self.numbers = list(_NUMBERS)
        text = self.streams(2)
        if self.chance(0.65):
            text += "\n    " + self.window()
            for _ in range(self.random.randint(0, 2)):
                text += "\n    " + self.either()
            if self.chance(0.7):
                node, gives_stream = self.reduce()
                text += "\n    " + node
                if gives_stream:
                    text += self.streams(1)
        return text + self.end()

    def streams(self, most: int) -> str:
        text = ""
        for _ in range(self.random.randint(0, most)):
            text += "\n    " + (self.either() if self.chance(0.75) else self.only_stream())
        return text

    def end(self) -> str:
        self.endpoints += 1
        name = f"out{self.endpoints}"
        text = f"\n    |httpOut('{name}')"
        if self.chance(0.6):
            text += "\n    " + self.alert()
        return (
            text + f"\n    |influxDBOut().database('d').retentionPolicy('r').measurement('{name}')"
        )

    # --- nodes ------------------------------------------------------------------------------

    def window(self) -> str:
        if self.chance(0.3):
            text = f"|window().periodCount({self.pick(1, 2, 5, 9)})"
            text += f".everyCount({self.pick(1, 1, 2, 3, 11)})"
        else:
            text = f"|window().period({self.pick('5s', '10s', '30s', '7s', '1m')})"
            if self.chance(0.9):
                text += f".every({self.pick('5s', '10s', '3s', '20s', '1m', '0s')})"
            if self.chance(0.4):
                text += ".align()"
        return text + (".fillPeriod()" if self.chance(0.25) else "")

    def either(self) -> str:
        makers = (
            lambda: f"|where(lambda: {self.condition()})",
            self.eval,
            self.eval,
            lambda: self.pick(
                "|default().field('v', 1.5)",
                "|default().field('n', 7).tag('svc', 'none')",
                "|default().tag('host', 'nobody').field('s', 'x')",
            ),
            lambda: self.pick(
                "|delete().field('s')", "|delete().tag('svc')", "|delete().field('b').tag('host')"
            ),
            lambda: (
                f"|derivative('{self.number()}')"
                + self.pick(
                    "", ".unit(10s)", ".nonNegative()", ".as('d')", ".nonNegative().unit(0s)"
                )
            ),
            lambda: "|changeDetect(" + self.pick("'n'", "'s'", "'b', 's'", "'v'") + ")",
            lambda: f"|stateCount(lambda: {self.condition()})" + self.pick("", ".as('c')"),
            lambda: (
                f"|stateDuration(lambda: {self.condition()})"
                + self.pick("", ".unit(1m)", ".unit(1ms).as('for')")
            ),
            lambda: f"|shift({self.pick('5s', '-3s', '1m')})",
            lambda: f"|sample({self.pick('2', '3', '1', '2s', '5s')})",
            lambda: (
                "|flatten()"
                + self.pick(".on('host')", ".on('host', 'svc')", ".on('svc')")
                + self.pick("", ".tolerance(2s)", ".delimiter(':')")
            ),
            lambda: (
                "|groupBy("
                + self.pick("'host'", "*", "'svc', 'host'")
                + ")"
                + self.pick("", ".byMeasurement()")
            ),
            lambda: "|groupBy(*).exclude('svc')",
            self.transform,
            lambda: "|log()",
        )
        return self.random.choice(makers)()

    def only_stream(self) -> str:
        if self.chance(0.3):
            return self.combine()
        node, gives_stream = self.reduce()
        # What gives batches would not fit the nodes that may follow.
        return node if gives_stream else self.transform()

    def combine(self) -> str:
        first = self.pick("TRUE", '"n" > 3', "\"host\" == 'a'")
        second = self.pick("TRUE", '"n" <= 3', "\"host\" != 'a'")
        self.numbers = ["p.v", "q.n"]
        return f"|combine(lambda: {first}, lambda: {second}).as('p', 'q')" + self.pick(
            "", ".tolerance(5s)", ".delimiter('.')", ".max(200000)"
        )

    def eval(self) -> str:
        name = self.pick("e", "f", "v", "n")
        text = f"|eval(lambda: {self.expression()}).as('{name}')"
        if self.chance(0.25):
            text = f'|eval(lambda: {self.expression()}, lambda: "{name}" + "{name}")'
            text += f".as('{name}', 'g')"
        if self.chance(0.1):
            return "|eval(lambda: string(\"n\")).as('t').tags('t').keep('v', 'n')"
        if self.chance(0.7):
            return text + ".keep()"
        if self.chance(0.5):
            return text + f".keep('{name}', 'n', 'v')"
        self.numbers = [name]
        return text

    def transform(self) -> str:
        field = self.number()
        text = self.pick(
            f"|difference('{field}')",
            f"|movingAverage('{field}', {self.pick(1, 2, 4)})",
            f"|cumulativeSum('{field}')",
            f"|elapsed('{field}', {self.pick('1s', '1ms', '10s')})",
        )
        name = self.pick("v", "x")
        self.numbers = [name]
        return text + f".as('{name}')"

    def reduce(self) -> tuple[str, bool]:
        field = self.number() if self.chance(0.85) else self.pick("s", "b", "gone")
        kind = self.pick(
            *("count", "sum", "mean", "median", "mode", "min", "max", "first", "last"),
            *("spread", "stddev", "percentile", "top", "bottom", "distinct"),
        )
        many = kind in ("top", "bottom", "distinct")
        if kind == "percentile":
            text = f"|percentile('{field}', {self.pick('50.0', '95.0', '10.5', '100.0')})"
        elif kind in ("top", "bottom"):
            extra = self.pick("", ", 'host'", ", 'n', 'svc'")
            text = f"|{kind}({self.pick(1, 2, 4)}, '{field}'{extra})"
        else:
            text = f"|{kind}('{field}')"
        if self.chance(0.5):
            text += ".usePointTimes()"
        name = self.pick("v", "r", field)
        self.numbers = [name]
        return text + f".as('{name}')", not many

    def alert(self) -> str:
        field = self.number()
        text = "|alert()"
        text += self.pick(
            "", ".id('{{ .Name }}/{{ index .Tags \"host\" }}')", ".id('one')", ".id('{{ .Group }}')"
        )
        levels = [x for x in ("info", "warn", "crit") if self.chance(0.6)] or ["crit"]
        for level in levels:
            threshold = {"info": "0", "warn": "4", "crit": "8"}[level]
            text += f".{level}(lambda: {self.lhs(field)} > {threshold})"
            if self.chance(0.25):
                text += f".{level}Reset(lambda: {self.lhs(field)} < {self.pick('1', '3', '6')})"
        if self.chance(0.4):
            text += self.pick(".stateChangesOnly()", ".stateChangesOnly(15s)")
        if self.chance(0.2):
            text += f".flapping({self.pick('0.1', '0.25')}, {self.pick('0.3', '0.5')})"
        if self.chance(0.25):
            text += f".history({self.pick(1, 3, 10)})"
        text += ".noRecoveries()" if self.chance(0.2) else ""
        text += ".all()" if self.chance(0.25) else ""
        text += self.pick("", ".topic('t')", ".log('/dev/null')")
        text += self.pick("", ".levelField('level')", ".levelTag('level').idTag('id')")
        text += self.pick("", ".messageField('text').durationField('for').idField('idf')")
        return text + self.pick(
            "",
            ".message('{{ .ID }}: {{ .Level }} {{ .Time }} {{ .Duration }}')",
            f".message('{{{{ .Level }}}} {{{{ index .Fields \"{field}\" }}}}').details('')",
        )

    def two_parents(self) -> str:
        condition = self.condition()
        left = f"var left = data\n    |where(lambda: {condition})"
        right = f"var right = data\n    |where(lambda: !({condition}))"
        if self.chance(0.5):
            window = "\n    |window().period(10s).every(10s).align()"
            left += window + "\n    |mean('v').as('v')"
            right += window + "\n    |max('n').as('v')"
        if self.chance(0.5):
            text = "left\n    |union(right)" + self.pick("", ".rename('both')")
            self.numbers = ["v"]
        else:
            text = "left\n    |join(right).as('l', 'r')"
            text += self.pick("", ".tolerance(1s)", ".tolerance(10s)")
            text += self.pick("", ".fill(0.0)", ".fill('none')", ".fill(3)")
            text += self.pick("", ".streamName('joined')", ".delimiter('_')")
            self.numbers = ["l.v", "r.v"]
        return f"{left}\n{right}\n{text}{self.end()}"

    # --- lambdas ----------------------------------------------------------------------------

    def number(self) -> str:
        return self.random.choice(self.numbers)

    def lhs(self, field: str) -> str:
        return self.pick(f'"{field}"', f'"{field}"', f'abs(float("{field}"))', f'sigma("{field}")')

    def condition(self) -> str:
        field = self.number()
        return self.pick(
            f'"{field}" > 3',
            f'"{field}" <= 4.5',
            "\"host\" == 'a'",
            '"host" != \'b\' AND "v" > 0.0',
            '"s" == \'up\' OR "n" > 5',
            '"b"',
            f'isPresent("{field}")',
            f'isPresent("{field}") AND "{field}" > 2',
            '"s" =~ /^u/',
            'second("time") % 2 == 0',
            f'count() % 3 != 0 OR "{field}" > 6',
            f'spread(float("{field}")) > 4.0',
        )

    def expression(self) -> str:
        field = self.number()
        return self.pick(
            f'"{field}" * 2',
            f'"{field}" + 1.5',
            f'float("{field}") / 3.0',
            f'"{field}" / 2',
            f'int("{field}") % 3',
            f'string("{field}")',
            f'if("{field}" > 3, "{field}", -"{field}")',
            f'sqrt(abs(float("{field}")))',
            f'sigma(float("{field}"))',
            'unixNano("time")',
            f'"{field}" > 2',
            f'pow(float("{field}"), 2.0)',
            f'floor(float("{field}"))',
            'duration("n", 1s)',
            f'bool("{field}")',
        )
