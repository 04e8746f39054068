"""Pure plans: each folder of ``plan_cases`` holds what is wanted, what stands, and the plan.

``wanted/ID.tick`` and ``server/ID.tick`` are scripts; ``case.toml`` says the rest: for a task on the
server ``mark`` (``ours``: as bmtick deployed it; ``edited``: by bmtick, then changed by hand to
this script; ``none``), ``status``, ``executing``, ``error``, ``template``, ``vars``. ``known`` lists
what this machine's history says bmtick deployed. ``expected.txt`` is the plan.
"""

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from bmtick.deploy.desired import Desired
from bmtick.deploy.labels import label_task, label_template
from bmtick.deploy.model import ActualTask, Facts, TaskDefinition, TemplateDefinition
from bmtick.deploy.plan import diff_lines, make_plan, pending

CASES = Path(__file__).parent / "plan_cases"
DBRP = (("telegraf", "autogen"),)


def scripts(folder: Path) -> dict[str, str]:
    return {p.stem: p.read_text() for p in sorted(folder.glob("*.tick"))}


def definition(name: str, script: str, extra: dict) -> TaskDefinition:
    dbrps = tuple(tuple(d.split(".", 1)) for d in extra.get("dbrps", ["telegraf.autogen"]))
    variables = {
        key: {"type": type(value).__name__.replace("str", "string"), "value": value}
        for key, value in extra.get("vars", {}).items()
    }
    return TaskDefinition(name, script, dbrps, variables, extra.get("template", ""))


def read_desired(folder: Path, case: dict) -> Desired:
    tasks, templates = {}, {}
    for name, script in scripts(folder / "wanted").items():
        extra = case.get("wanted", {}).get(name, {})
        if extra.get("kind") == "template":
            templates[name] = label_template(TemplateDefinition(name, script))
        else:
            tasks[name] = label_task(definition(name, script, extra), as_variable=True)
    for name, extra in case.get("wanted", {}).items():
        if extra.get("template"):
            template = templates[extra["template"]]
            tasks[name] = label_task(definition(name, template.script, extra), as_variable=True)
    return Desired(tasks, templates)


def read_facts(folder: Path, case: dict) -> Facts:
    tasks, templates = {}, {}
    texts = scripts(folder / "server")
    names = {**{name: {} for name in texts}, **case.get("server", {})}
    for name, extra in names.items():
        script = texts.get(name) or texts[extra["template"]]
        if extra.get("kind") == "template":
            plain = TemplateDefinition(name, script)
            templates[name] = (
                label_template(plain) if extra.get("mark", "ours") == "ours" else plain
            )
            continue
        task = definition(name, script, extra)
        mark = extra.get("mark", "ours")
        if mark == "edited":
            before = label_task(replace(task, script="stream"), as_variable=True)
            task = replace(before, script=script)
        elif mark == "ours":
            task = label_task(task, as_variable=True)
        enabled = extra.get("status", "enabled") == "enabled"
        tasks[name] = ActualTask(
            replace(task, enabled=enabled),
            executing=extra.get("executing", enabled),
            error=extra.get("error", ""),
            modified=extra.get("modified", ""),
            last_enabled=extra.get("last_enabled", ""),
        )
    return Facts(tasks, templates)


def shown(steps) -> str:
    lines = []
    for step in steps:
        reasons = f": {'; '.join(step.reasons)}" if step.reasons else ""
        lines.append(f"{step.action.value} {step.kind} {step.id}{reasons}")
        if step.action.value in {"update", "drifted"}:
            lines += [f"    {line}".rstrip() for line in diff_lines(step)]
    lines.append(f"{len(pending(steps))} to change")
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("folder", sorted(CASES.iterdir()), ids=lambda p: p.name)
def test_plan(folder):
    case = (
        tomllib.loads((folder / "case.toml").read_text()) if (folder / "case.toml").exists() else {}
    )
    steps = make_plan(read_desired(folder, case), read_facts(folder, case), case.get("known", []))
    assert shown(steps) == (folder / "expected.txt").read_text()


def test_times_are_compared_by_the_nanosecond_and_across_zones():
    task = TaskDefinition("bmtick-a", "stream", DBRP)
    pairs = {
        ("2026-01-01T10:00:00.5Z", "2026-01-01T10:00:00.49Z"): True,
        ("2026-01-01T10:00:00Z", "2026-01-01T10:00:00.1Z"): False,
        ("2026-01-01T11:00:00.000000001+01:00", "2026-01-01T10:00:00Z"): True,
        ("2026-01-01T10:00:00.123Z", "2026-01-01T10:00:00.123Z"): False,
        ("", ""): False,
    }
    for (modified, enabled), stale in pairs.items():
        assert ActualTask(task, modified=modified, last_enabled=enabled).stale is stale
