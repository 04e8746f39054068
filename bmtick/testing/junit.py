"""Outcomes as JUnit XML for CI servers."""

from __future__ import annotations

import re
from collections.abc import Iterable
from xml.etree import ElementTree as ET

from bmtick.testing.run import Outcome

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(outcomes: Iterable[Outcome]) -> str:
    """Return the document."""
    outcomes = list(outcomes)
    failed = sum(not outcome.passed for outcome in outcomes)
    root = ET.Element(
        "testsuite", name="bmtick", tests=str(len(outcomes)), failures=str(failed), errors="0"
    )
    for outcome in outcomes:
        case = outcome.case
        node = ET.SubElement(root, "testcase", classname=_clean(case.file), name=_clean(case.name))
        if not outcome.passed:
            text = _clean("\n".join(outcome.failures))
            ET.SubElement(node, "failure", message=text.split("\n")[0]).text = text
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _clean(text: str) -> str:
    return _NOT_XML.sub("?", text)
