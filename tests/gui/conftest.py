"""One offscreen QApplication for the widgets' tests."""

import os

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")


@pytest.fixture(scope="session")
def application():
    from PySide6.QtWidgets import QApplication

    from client.gui import icons
    made = QApplication.instance() or QApplication(["rove-tray"])
    made.setQuitOnLastWindowClosed(False)
    icons.use_theme()
    return made


@pytest.fixture
def loop(application):
    """asyncio in Qt's event loop, as in the tray."""
    import qasync
    made = qasync.QEventLoop(application)
    with made:
        yield made
