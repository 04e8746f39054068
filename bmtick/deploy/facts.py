"""Read a server's tasks and templates with bmtick's prefix: all pages, raw scripts."""

from __future__ import annotations

from bmtick.deploy.client import KapacitorClient, KapacitorError
from bmtick.deploy.labels import header_label
from bmtick.deploy.model import Facts, TemplateDefinition
from bmtick.names import TASK_PREFIX


def read_facts(client: KapacitorClient) -> Facts:
    """Return the tasks and templates with bmtick's prefix.

    The list does not contain a task's template, so tasks without a label of their own in the script
    are read one by one.
    """
    tasks = {t.id: t for t in client.list_tasks(f"{TASK_PREFIX}*") if t.id.startswith(TASK_PREFIX)}
    for task in list(tasks.values()):
        mark = header_label(task.definition.script)
        if mark is None or mark.kind == "template":
            tasks[task.id] = client.task(task.id) or task
    return Facts(tasks, _templates(client), _version(client))


def _templates(client: KapacitorClient) -> dict[str, TemplateDefinition]:
    try:
        found = client.list_templates(f"{TASK_PREFIX}*")
    except KapacitorError as error:
        if error.status != 404:
            raise
        found = []
    return {t.id: t for t in found if t.id.startswith(TASK_PREFIX)}


def _version(client: KapacitorClient) -> str:
    try:
        return client.version()
    except KapacitorError as error:
        if error.status == 0:
            raise
        return ""
