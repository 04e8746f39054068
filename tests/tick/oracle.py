"""Asks a real Kapacitor what it says about a script: defined, then enabled, then deleted."""

import re

import requests

from bmtick.errors import BmtickError
from bmtick.tick import ast
from bmtick.tick.parser import parse


def verdict(kapacitor, script: str, variables: dict | None = None) -> str:
    """Return ``accepts`` or ``refuses`` with the server's message; a template is only defined."""
    base = f"{kapacitor.url}/kapacitor/v1"
    name = "bmtick-oracle"
    statements = _statements(script)
    body = {"id": name, "type": _task_type(script), "script": script}
    if variables is None and any(isinstance(s, ast.TypeDeclaration) for s in statements):
        reply = requests.post(f"{base}/templates", json=body, timeout=120)
        requests.delete(f"{base}/templates/{name}", timeout=120).raise_for_status()
        return _said(reply)
    if not any(isinstance(s, ast.DBRP) for s in statements):
        body["dbrps"] = [{"db": "telegraf", "rp": "autogen"}, {"db": "a", "rp": "b"}]
    body |= {"status": "disabled", "vars": variables or {}}
    try:
        reply = requests.post(f"{base}/tasks", json=body, timeout=120)
    except requests.ConnectionError:
        return "refuses\n(it closes the connection without a word)\n"
    if reply.ok:
        reply = requests.patch(f"{base}/tasks/{name}", json={"status": "enabled"}, timeout=120)
    requests.delete(f"{base}/tasks/{name}", timeout=120).raise_for_status()
    return _said(reply)


def _statements(script: str) -> list[ast.Node]:
    try:
        return parse(script).statements
    except BmtickError:
        return []


def _task_type(script: str) -> str:
    found = re.search(r"\b(stream|batch)\b", script)
    return found[1] if found else "stream"


def _said(reply: requests.Response) -> str:
    return "accepts\n" if reply.ok else f"refuses\n{reply.json()['error']}\n"
