"""Bring ``bmtick/locale/*.po`` up to the texts in the code: ``make catalogues``.

New texts come in untranslated, texts that the code no longer has go, the others keep theirs.
"""

from __future__ import annotations

from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

CODE = Path(__file__).parent.parent / "bmtick"
LOCALE = CODE / "locale"
TRANSLATED = ("de", "fr")
HEAD = """\
# {language}: texts of bmtick. 'make catalogues' brings them up to the code.
msgid ""
msgstr ""
"Language: {language}\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Plural-Forms: nplurals=2; plural=(n {plural} 1);\\n"

"""


def extracted() -> Catalog:
    """Return all texts of the code, with the files that have them."""
    catalogue = Catalog(project="bmtick", charset="utf-8", fuzzy=False)
    found = extract_from_dir(
        CODE, keywords={"_": None, "_n": (1, 2)}, comment_tags=("Translators:",)
    )
    for file, _line, message, comments, context in sorted(found, key=lambda one: one[:2]):
        catalogue.add(message, None, [(f"bmtick/{file}", None)], (), comments, context=context)
    return catalogue


def read(language: str) -> Catalog:
    """Return a catalogue as it is."""
    with (LOCALE / f"{language}.po").open("rb") as file:
        return read_po(file, locale=language)


def main() -> None:
    """Rewrite the catalogues."""
    texts = extracted()
    for language in TRANSLATED:
        path = LOCALE / f"{language}.po"
        catalogue = read(language) if path.exists() else Catalog(locale=language)
        catalogue.update(texts, no_fuzzy_matching=True)
        plural = ">" if language == "fr" else "!="
        with path.open("wb") as file:
            file.write(HEAD.format(language=language, plural=plural).encode())
            write_po(file, catalogue, width=98, omit_header=True, ignore_obsolete=True)
        missing = sum(
            not (all(m.string) if m.pluralizable else m.string) for m in catalogue if m.id
        )
        print(f"{path.name}: {len(catalogue)} texts, {missing} to translate")  # noqa: T201


if __name__ == "__main__":
    main()
