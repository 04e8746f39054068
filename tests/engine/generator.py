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


# --- batch tasks ----------------------------------------------------------------------------


@dataclass
class BatchCase:
    """A batch script, the points in its database, and when the server starts and stops."""

    script: str
    lines: list[str]
    begin: int
    end: int


def generate_batch(seed: int) -> BatchCase:
    """Return batch case number seed; times in seconds, the start a multiple of a minute."""
    random = Random(seed)
    lines = _points(random, wild=True)
    times = [int(line.rpartition(" ")[2]) // 10**9 for line in lines]
    begin = min(times) // 60 * 60
    return BatchCase(_BatchScript(random).text(), lines, begin, max(times) + 60)


class _BatchScript(_Script):
    def __init__(self, random: Random) -> None:
        super().__init__(random, wild=True)
        self.probes = 0

    def text(self) -> str:
        if self.chance(0.25):
            return self.two_queries()
        parts = [f"var data = {self.query()}"]
        parts += [self.branch() for _ in range(self.random.randint(1, 2))]
        return "\n".join(parts) + "\n"

    def query(self, *, by_time: bool = True) -> str:
        self.numbers = ["v"]
        call = self.pick("mean", "sum", "count", "max", "min", "first", "spread", "median")
        field = self.pick("v", "v", "n")
        grouped = by_time and self.chance(0.5)
        select = f'{call}("{field}") AS "v"'
        if not grouped and self.chance(0.5):
            select = '"v", "n", "s", "b"'
            self.numbers = ["v", "n"]
        where = self.pick(
            "", "", " WHERE \"host\" != 'a'", " WHERE \"host\" = 'a' OR \"svc\" = 'x'"
        )
        source = self.pick('"{db}"."autogen"."m"', '"{db}"."autogen".m, "{db}"."autogen".k')
        every = self.pick("5s", "10s", "20s", "30s")
        text = f"batch\n    |query('''SELECT {select} FROM {source}{where}''')"
        text += f".period({self.pick(every, every, '10s', '60s')})"
        text += (
            f".cron('{self.pick('*/10 * * * * * *', '* * * * *')}')"
            if self.chance(0.1)
            else f".every({every})"
        )
        text += ".align()" if self.chance(0.4) else ""
        text += f".offset({self.pick('1s', '7s')})" if self.chance(0.2) else ""
        tags = self.pick("", "'host'", "'host', 'svc'", "*")
        span = self.pick("time(2s)", "time(5s)", "time(3s, 1s)", "10s") if grouped else ""
        if span or tags:
            text += f".groupBy({', '.join(part for part in (span, tags) if part)})"
        if grouped:
            text += self.pick("", ".fill(0)", ".fill(1.5)", ".fill('none')", ".fill('previous')")
            if call not in ("count", "first"):
                text += self.pick("", "", ".fill('linear')")
        return text + (".groupByMeasurement()" if self.chance(0.2) else "")

    def branch(self) -> str:
        numbers = list(self.numbers)
        text = ""
        for _ in range(self.random.randint(0, 2)):
            text += "\n    " + self.either()
        if self.chance(0.6):
            node, gives_stream = self.reduce()
            text += "\n    " + node
            if gives_stream:
                text += self.streams(1)
        text = self.probed("data" + text)
        self.numbers = numbers
        return text

    def probed(self, chain: str) -> str:
        """End a chain in an alert that tells all that comes by, and in one of chance.

        Each has ids of its own, by group: in Kapacitor it is chance which group or branch comes
        first.
        """
        self.probes += 1
        name = f"part{self.probes}"
        own = f".id('{{{{ .Name }}}} {{{{ .Group }}}} {name}')"
        shared = (
            ".id('one')",
            ".id('{{ .Name }}/{{ index .Tags \"host\" }}')",
            ".id('{{ .Group }}')",
        )
        alert = self.alert().replace("|alert()", f"|alert(){own}", 1)
        for text in (*shared, ".topic('t')"):
            alert = alert.replace(text, "")
        all_ = own.replace(name, f"{name} all")
        return f"var {name} = {chain}\n{name}\n    |alert(){all_}.crit(lambda: TRUE)\n{name}\n    {alert}"

    def two_queries(self) -> str:
        """Join two queries that run together; anything else would show which one came first."""
        left = self.query(by_time=False)
        schedule = left[left.index(".period(") :]
        right = self.query(by_time=False)
        right = right[: right.index(".period(")] + schedule
        join = "left\n    |join(right).as('l', 'r')"
        self.numbers = ["l.v", "r.v"]
        return f"var left = {left}\nvar right = {right}\n{self.probed(join)}\n"
