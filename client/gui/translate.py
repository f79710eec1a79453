"""The user's language: one translator for client.texts and for the windows."""

import os
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QLibraryInfo, QLocale, QTranslator

from client import texts

FOLDER = Path(__file__).parent / "translations"


def use_language() -> list[QTranslator]:
    """What the environment asks for → what was installed; nothing, and English, where there is no translation."""
    application = QCoreApplication.instance()
    assert application is not None
    locale = _locale()
    ours, qts = QTranslator(application), QTranslator(application)
    if not ours.load(locale, "rove", "_", str(FOLDER)):
        return []
    texts.bind(lambda text: QCoreApplication.translate("", text))
    installed = [ours]
    if qts.load(locale, "qtbase", "_", QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)):
        installed.append(qts)
    for translator in installed:
        QCoreApplication.installTranslator(translator)
    return installed


def _locale() -> QLocale:
    """gettext's rule: LANGUAGE, LC_ALL, LC_MESSAGES, LANG; Qt itself would take the region's formats for words too."""
    for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        value = os.environ.get(name, "").split(":")[0]
        if value:
            return QLocale(value)
    return QLocale("C")
