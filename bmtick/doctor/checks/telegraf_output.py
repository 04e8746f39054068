"""Check that Telegraf writes everything to the alerts' database, from one collector only."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from bmtick import names
from bmtick.collect.queue import telegraf_watches
from bmtick.doctor.check import Check, broken, ok
from bmtick.doctor.context import Context
from bmtick.doctor.telegraf_files import (
    FOLDER,
    MAIN,
    Collector,
    Section,
    collectors,
    dropped,
    sections,
)
from bmtick.terminal import shell_quoted

ORDER = 32
TICK_STACK = True
_NAME = "telegraf: output"
_RESTART = "systemctl restart telegraf"
_OURS = (names.QUEUE, names.COLLECTOR, names.SENDER, names.CLIENT, names.AUTH, names.DELIVERY)
_LOCAL = ("localhost", "127.0.0.1", "::1", "")


def run(context: Context) -> Iterator[Check]:
    """Compare Telegraf's files with the settings."""
    found = collectors(context)
    if not found:
        return  # the check above reports it
    yield from _output(context)
    yield _one(context, found)
    yield _logs(context, found[0])
    yield from _queue(context, found[0])


def snippet(context: Context, collector: Collector) -> str:
    """Return the command that rewrites the collector's file from the settings."""
    execd = " --execd" if collector.execd else ""
    config = context.settings.path
    chosen = f" --config {shell_quoted(config)}" if config else ""
    file = shell_quoted(collector.section.file)
    return f"bmtick telegraf{execd}{chosen} > {file} && {_RESTART}"


def _output(context: Context) -> Iterator[Check]:
    influx = context.settings.influxdb
    outputs = sections(context, "outputs", "influxdb")
    if not outputs:
        if not sections(context, "outputs", "influxdb_v2"):
            yield broken(
                _NAME,
                "Telegraf has no output to InfluxDB",
                f'printf \'[[outputs.influxdb]]\\n  urls = ["%s"]\\n  database = "%s"\\n\' '
                f"{shell_quoted(influx.url)} {shell_quoted(influx.database)} "
                f">> {FOLDER}/output.conf && {_RESTART}",
            )
        return
    wrong = [(section, _differences(context, section)) for section in outputs]
    section, differences = min(wrong, key=lambda pair: len(pair[1]))
    if differences:
        key, has, wanted = differences[0]
        value = f'["{wanted}"]' if key == "urls" else f'"{wanted}"'
        edit = rf"s|^\( *{key} *= *\).*|\1{value}|"
        yield broken(
            _NAME,
            f"{section.file} writes to {key} {has}, the alerts read {wanted}",
            f"sed -i {shell_quoted(edit)} {shell_quoted(section.file)} && {_RESTART}",
        )
        return
    key, lost = dropped(section, _OURS)
    if lost:
        yield _filter(section, key, f"takes {', '.join(lost)} away")
        return
    for collector in collectors(context):
        key, lost = dropped(collector.section, _OURS)
        if lost:
            yield _filter(collector.section, key, f"takes {', '.join(lost)} away")
            return
    excluded = [t for t in names.GLOBAL_TAGS if t in section.texts("tagexclude")]
    if excluded:
        yield _filter(section, "tagexclude", f"takes the tag {excluded[0]} away")
        return
    yield ok(_NAME, f"{section.file} writes to '{influx.database}' at {influx.url}")


def _filter(section: Section, key: str, what: str) -> Check:
    return broken(
        _NAME,
        f"{key} in {section.file} {what}",
        f"sed -i '/^ *{key} *=/d' {shell_quoted(section.file)} && {_RESTART}",
    )


def _differences(context: Context, section: Section) -> list[tuple[str, str, str]]:
    influx = context.settings.influxdb
    found = []
    urls = section.texts("urls") or [section.text("url") or "http://127.0.0.1:8086"]
    if not any(_place(url) == _place(influx.url) for url in urls):
        found.append(("urls", ", ".join(urls), influx.url))
    database = section.text("database") or "telegraf"
    if database != influx.database:
        found.append(("database", database, influx.database))
    policy = section.text("retention_policy")
    if policy and policy != (influx.retention_policy or "autogen"):
        found.append(("retention_policy", policy, influx.retention_policy or "autogen"))
    return found


def _place(url: str) -> tuple[str, int]:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        return ("" if host in _LOCAL else host, parts.port or 8086)
    except ValueError:
        return (url, 0)


def _one(context: Context, found: list[Collector]) -> Check:
    name = "telegraf: one collector"
    if len(found) == 1:
        return ok(name, f"{found[0].section.file} runs the only one")
    files = list(dict.fromkeys(c.section.file for c in found))
    own = f"{FOLDER}/bmtick.conf"
    keep = own if own in files else files[0]
    others = [f for f in files if f not in (keep, MAIN)]
    moves = " && ".join(f"mv {shell_quoted(f)} {shell_quoted(f + '.off')}" for f in others)
    keeper = next(c for c in found if c.section.file == keep)
    return broken(
        name,
        f"{len(found)} commands run 'bmtick collect' ({', '.join(files)}): mail counts twice",
        f"{moves} && {_RESTART}" if moves else snippet(context, keeper),
    )


def _logs(context: Context, collector: Collector) -> Check:
    name = "telegraf: logs"
    given, wanted = collector.options("--log"), context.settings.collect.logs
    if given and sorted(given) != sorted(wanted):
        return broken(
            name,
            f"the collector reads {', '.join(given)}, the settings name {', '.join(wanted)}",
            snippet(context, collector),
        )
    state, keep = collector.options("--state"), context.settings.collect.state
    if state and not state[-1].endswith(keep):
        return broken(
            name,
            f"the collector keeps its state in {state[-1]}, the settings name {keep}",
            snippet(context, collector),
        )
    return ok(name, f"the collector reads {', '.join(wanted)}, as the settings say")


def _queue(context: Context, collector: Collector) -> Iterator[Check]:
    name = "telegraf: queue"
    file = telegraf_watches([str(context.path(MAIN)), str(context.path(FOLDER))])
    if not file:
        return
    shown = file.removeprefix(str(context.root)) if context.root.name else file
    option = collector.options("--queue")
    chosen = option[-1] if option else context.settings.collect.queue
    if chosen == "on":
        yield broken(
            name,
            f"inputs.postfix in {shown} and the collector both write {names.QUEUE}",
            _queue_off(context, collector),
        )
    else:
        yield ok(name, f"inputs.postfix in {shown} writes {names.QUEUE}, the collector does not")


def _queue_off(context: Context, collector: Collector) -> str:
    if collector.options("--queue"):
        file = shell_quoted(collector.section.file)
        return (
            f"sed -i -e 's/--queue=on/--queue=off/' -e 's/\\(--queue\\(\", \"\\| \\)\\)on/\\1off/' "
            f"{file} && {_RESTART}"
        )
    config = shell_quoted(context.settings.path or "/etc/bmtick/bmtick.toml")
    return f'sed -i \'s/^queue = "on"/queue = "off"/\' {config} && {_RESTART}'
