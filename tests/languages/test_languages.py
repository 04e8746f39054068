"""The catalogues are complete, and the language is the one that was chosen."""

import re
import runpy
from pathlib import Path

import pytest
from click.testing import CliRunner

from bmtick import languages
from bmtick.cli.root import cli
from bmtick.languages import _, _n, choose, number, percent, read_catalogue, set_language

ROOT = Path(__file__).parent.parent.parent
TRANSLATED = ("de", "fr")
SCRIPT = runpy.run_path(str(ROOT / "docs/make_catalogues.py"))

PO = r"""
# a translator
#: bmtick/one.py
msgid "one \"quoted\" {user}"
msgstr ""
"eins "
"\"in Anführung\" {user}"

#, fuzzy
msgid "unsure"
msgstr "unsicher"

msgid "{n} address"
msgid_plural "{n} addresses"
msgstr[0] "{n} Adresse"
msgstr[1] "{n} Adressen"

msgid "untranslated"
msgstr ""

#~ msgid "gone"
#~ msgstr "weg"
"""


@pytest.fixture(autouse=True)
def english():
    yield
    set_language("en")


def _placeholders(text):
    return sorted(re.findall(r"\{[^}]*\}", text))


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_text_is_translated_with_its_placeholders(language):
    texts = {m.id for m in SCRIPT["extracted"]() if m.id}
    catalogue = {m.id: m for m in SCRIPT["read"](language) if m.id}
    remedy = "run 'make catalogues', fill in what is empty"
    assert texts == set(catalogue), remedy
    for text, message in catalogue.items():
        assert not message.fuzzy, text
        forms = message.string if message.pluralizable else (message.string,)
        assert all(forms), f"not translated: {text!r}: {remedy}"
        one = text[-1] if isinstance(text, tuple) else text
        for form in forms:
            assert _placeholders(form) == _placeholders(one), form


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_catalogue_is_read_as_gettexts_own_tools_read_it(language):
    ours = read_catalogue((ROOT / f"bmtick/locale/{language}.po").read_text("utf-8"))
    theirs = {}
    for message in SCRIPT["read"](language):
        if message.id:
            plural = message.pluralizable
            theirs[message.id[0] if plural else message.id] = tuple(
                message.string if plural else [message.string]
            )
    assert ours == theirs


def test_quotes_lines_plurals_fuzzy_empty_and_obsolete_texts():
    assert read_catalogue(PO) == {
        'one "quoted" {user}': ('eins "in Anführung" {user}',),
        "{n} address": ("{n} Adresse", "{n} Adressen"),
    }


def test_the_settings_come_before_the_environment():
    assert choose("fr", {"LANG": "de_DE.UTF-8"}) == "fr"
    assert choose(None, {"LANG": "de_DE.UTF-8"}) == "de"
    assert choose("", {"LC_ALL": "fr_CA@euro", "LANG": "de_DE"}) == "fr"
    assert choose(None, {"LC_ALL": "C.UTF-8", "LANG": "de_DE"}) == "en"
    assert choose(None, {"LANGUAGE": "it:de", "LANG": "fr_FR"}) == "de"
    assert choose(None, {"LC_ALL": "", "LANG": "it_IT.UTF-8"}) == "en"
    assert choose(None, {}) == "en"


def test_forms_and_figures_follow_the_language(monkeypatch):
    monkeypatch.setattr(
        languages, "_catalogue", lambda name: read_catalogue(PO) if name == "de" else {}
    )
    shown = {}
    for language in languages.LANGUAGES:
        set_language(language)
        assert languages.language() == language
        shown[language] = [
            *(_n("{n} address", "{n} addresses", count) for count in (0, 1, 2000)),
            number(1234.5, 1),
            percent(0.25),
        ]
    assert shown == {
        "en": ["0 addresses", "1 address", "2,000 addresses", "1,234.5", "25%"],
        "de": ["0 Adressen", "1 Adresse", "2.000 Adressen", "1.234,5", "25\u00a0%"],
        "fr": ["0 address", "1 address", "2\u202f000 addresses", "1\u202f234,5", "25\u00a0%"],
    }


def test_a_hostile_value_is_not_read_as_a_placeholder():
    set_language("de")
    assert _("to {user}", user="{0}{user.__class__}") == "to {0}{user.__class__}"


@pytest.mark.parametrize(
    ("language", "texts"),
    [
        ("de", ("Das schuldige Konto: p.martin", "1.266 Empfänger in einer Stunde")),
        ("fr", ("Le compte en cause : p.martin", "1\u202f266 destinataires en une heure")),
    ],
)
def test_the_demo_speaks_the_language_of_the_environment(language, texts, tmp_path, monkeypatch):
    for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", f"{language}_XX.UTF-8")
    shown = CliRunner().invoke(cli, ["demo", "-o", str(tmp_path)]).stdout
    for text in texts:
        assert text in shown
    assert "blame" not in shown
    assert "\\u" not in shown
