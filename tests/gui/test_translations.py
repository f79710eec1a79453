"""German is complete, from the same sources as English, and fits where it is put.

Red after a new sentence? ``tools/translate update``, translate what is unfinished in
client/gui/translations/rove_de.ts, ``tools/translate build``.
"""

import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

from client import texts
from client.gui.translate import FOLDER
from client.model.cause import Cause
from client.model.state import State

ROOT = Path(__file__).parents[2]
TS = FOLDER / "rove_de.ts"


def messages(path):
    return {message.find("source").text: message.find("translation") for message in ET.parse(path).iter("message")}


def test_every_sentence_is_there_and_translated(tmp_path):
    fresh = tmp_path / "fresh.ts"
    sources = [str(path) for path in (*sorted((ROOT / "client/gui").rglob("*.py")), ROOT / "client/texts.py")]
    lupdate = Path(sys.executable).with_name("pyside6-lupdate")
    subprocess.run([lupdate, "-tr-function-alias", "tr+=_,tr+=marked", "-silent", *sources, "-ts", fresh], check=True)
    ours = messages(TS)
    assert set(messages(fresh)) - set(ours) == set()
    assert [source for source, node in ours.items() if node.get("type") or not node.text] == []


def odd(source, translation):
    return (sorted(re.findall(r"\{\w+\}", source)) != sorted(re.findall(r"\{\w+\}", translation))
            or ("&" in source) != ("&" in translation)
            or translation.endswith((".", ":", "…", "?")) != source.endswith((".", ":", "…", "?")))


def test_a_translation_has_the_fields_and_the_form_of_its_source():
    assert [(source, node.text) for source, node in messages(TS).items() if odd(source, node.text or "")] == []
    assert odd("{a} and &b.", "{a} und b.")
    assert odd("{a}.", "{b}.")


def test_the_sentences_of_the_command_line_are_among_them():
    ours = messages(TS)
    for row in texts.CAUSES.values():
        assert {row.sentence, row.advice} <= set(ours)
    assert {*texts.FINDINGS.values(), *texts.STEPS.values(), *texts.STATES.values()} <= set(ours)


def test_german_is_loaded_and_used(application, monkeypatch, tmp_path):
    from PySide6.QtCore import QCoreApplication

    from client.gui import translate
    from client.gui.view import retold
    monkeypatch.setattr(texts, "_translate", texts._translate)
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANGUAGE", "de")
    subprocess.run([Path(sys.executable).with_name("pyside6-lrelease"), "-silent", TS, "-qm", tmp_path / "rove_de.qm"],
                   check=True)
    monkeypatch.setattr(translate, "FOLDER", tmp_path)
    installed = translate.use_language()
    try:
        assert texts.state_text(State.CONNECTED.value) == "verbunden"
        english = texts.CAUSES[Cause.USER_REFUSED].sentence
        assert retold.error(Cause.USER_REFUSED.code, english)[0] == (
            "Das Gateway hat Benutzernamen, Passwort, Schlüssel oder Zertifikat abgelehnt.")
    finally:
        for translator in installed:
            QCoreApplication.removeTranslator(translator)
