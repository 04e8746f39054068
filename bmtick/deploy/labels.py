"""Ownership labels: they show on any machine that a task is bmtick's, and whether it was edited.

Each script that bmtick deploys begins with a comment that contains the task and a digest of the
whole definition (Kapacitor keeps comments in the raw script). Plain tasks and tasks of templates
also carry the digest in the task var ``bmtick``: it survives a PATCH that replaces the script, and
a template's script is shared by its tasks. Rules for Chronograf's Alert Builder set no vars.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, replace

import bmtick
from bmtick.deploy.model import TaskDefinition, TemplateDefinition, Vars, canonical_vars

VARIABLE = "bmtick"
_HEADER = re.compile(r"\A// bmtick: (task|template)=(\S+) digest=([0-9a-f]{64})[^\n]*\n?")
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class OwnershipLabel:
    """A label: its owner, and the digest of what was deployed."""

    kind: str
    id: str
    digest: str


def body(script: str) -> str:
    """Return the script without bmtick's header line."""
    return _HEADER.sub("", script, count=1)


def header_label(script: str) -> OwnershipLabel | None:
    """Return the label in a script's first line, or None."""
    match = _HEADER.match(script)
    return OwnershipLabel(match[1], match[2], match[3]) if match else None


def own_vars(variables: Vars) -> Vars:
    """Return the vars without bmtick's label."""
    return {name: value for name, value in variables.items() if name != VARIABLE}


def task_digest(task: TaskDefinition) -> str:
    """Return the SHA-256 of a task without labels; a template's script has its own."""
    content = {
        "id": task.id,
        "script": "" if task.template else body(task.script),
        "dbrps": sorted(task.dbrps),
        "vars": canonical_vars(own_vars(task.vars)),
        "template": task.template,
    }
    return _sha256(content)


def template_digest(template: TemplateDefinition) -> str:
    """Return the SHA-256 of a template without its header."""
    return _sha256({"id": template.id, "script": body(template.script)})


def label_task(task: TaskDefinition, *, as_variable: bool) -> TaskDefinition:
    """Return the task with its labels: the header, and the var if this kind of task has vars."""
    digest = task_digest(task)
    script = task.script
    if not task.template:
        script = _header("task", task.id, digest) + body(script)
    variables = own_vars(task.vars)
    if as_variable:
        mark = {"type": "string", "value": digest, "description": "set by bmtick apply"}
        variables = {**variables, VARIABLE: mark}
    return replace(task, script=script, vars=variables)


def label_template(template: TemplateDefinition) -> TemplateDefinition:
    """Return the template with its header."""
    header = _header("template", template.id, template_digest(template))
    return replace(template, script=header + body(template.script))


def task_label(task: TaskDefinition) -> OwnershipLabel | None:
    """Return the label that a task carries for its own id; None: it is not bmtick's."""
    variable = task.vars.get(VARIABLE, {}).get("value")
    if isinstance(variable, str) and _DIGEST.fullmatch(variable):
        return OwnershipLabel("task", task.id, variable)
    mark = header_label(task.script)
    return mark if mark and mark.kind == "task" and mark.id == task.id else None


def template_label(template: TemplateDefinition) -> OwnershipLabel | None:
    """Return the label that a template carries for its own id, or None."""
    mark = header_label(template.script)
    return mark if mark and mark.kind == "template" and mark.id == template.id else None


def _header(kind: str, name: str, digest: str) -> str:
    version = bmtick.__version__
    return (
        f"// bmtick: {kind}={name} digest={digest} version={version}; 'bmtick apply' rewrites it\n"
    )


def _sha256(content: object) -> str:
    text = json.dumps(content, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
