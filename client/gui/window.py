"""The main window: connections on the left, the chosen one on the right, the log behind a tab."""

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QAction, QCloseEvent, QDragEnterEvent, QDropEvent, QHideEvent, QKeySequence, QShowEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QMainWindow,
    QPushButton,
    QSplitter,
    QStackedWidget,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from client.gui import icons
from client.gui.detail_page import DetailPage
from client.gui.log_page import LogPage
from client.gui.view.details import DetailView, profile_summary
from client.gui.view.entries import Command
from client.gui.view.history import History
from client.gui.view.known import Known, Reach
from client.gui.view.tray_view import headline, limited_text, reach_text, state_icon
from client.gui.widgets import heading, label
from client.model.state import ErrorState
from client.texts import state_text
from client.texts import translated as _

_NAME = Qt.ItemDataRole.UserRole


class MainWindow(QMainWindow):
    """``on_shown(visible)``: whether anybody looks; ``on_drop(paths)``: files to import; ``on_log()``: the log is to be
    read."""

    def __init__(self, do: Callable[[Command], None], on_shown: Callable[[bool], None],
                 on_drop: Callable[[list[Path]], None], on_log: Callable[[], None]) -> None:
        super().__init__()
        self._do, self._on_shown, self._on_drop, self._on_log = do, on_shown, on_drop, on_log
        self._known = Known()
        self.list = QListWidget()
        self.detail = DetailPage(do)
        self.log = LogPage()
        self._pages, self._tabs = QStackedWidget(), QTabWidget()
        self._message = _Message(do)
        self._banner = _Banner()
        self._limited = label(limited_text(), bold=True)
        self.setWindowTitle("Rove")
        self.setAcceptDrops(True)
        self._arrange()
        self._menus()
        self.resize(860, 620)

    @property
    def chosen(self) -> str:
        """The profile whose page is shown."""
        item = self.list.currentItem()
        return str(item.data(_NAME)) if item is not None else ""

    def choose(self, name: str) -> None:
        for row in range(self.list.count()):
            if self.list.item(row).data(_NAME) == name:
                self.list.setCurrentRow(row)

    def show_known(self, known: Known) -> None:
        """All but the page of the chosen one, which ``show_detail`` has."""
        self._known = known
        self._limited.setVisible(known.limited and known.reach is Reach.READY)
        self._fill_list(known)
        if known.reach is not Reach.READY:
            self._message.unreachable(known)
            self._pages.setCurrentWidget(self._message)
        elif not known.names:
            self._message.first_run()
            self._pages.setCurrentWidget(self._message)
        else:
            self._pages.setCurrentWidget(self.detail)

    def show_detail(self, view: DetailView, history: History) -> None:
        self.detail.show_view(view, history)

    def trouble(self, error: ErrorState, profile: str = "") -> None:
        """What somebody asked for did not work."""
        self._banner.say(error, profile)

    def open_log(self, words: str = "") -> None:
        self.log.filter_by(words)
        self._tabs.setCurrentWidget(self.log)

    def open_connections(self) -> None:
        self._tabs.setCurrentIndex(0)

    def come_forward(self) -> None:
        self.setWindowState(self.windowState() & ~Qt.WindowState.WindowMinimized)
        self.show()
        self.raise_()
        self.activateWindow()

    # --- Qt's ---

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._on_shown(True)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._on_shown(False)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Rove goes on in the background: it answers for the connections."""
        self._banner.hide()
        super().closeEvent(event)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if _files(event):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        event.acceptProposedAction()
        self._on_drop(_files(event))

    # --- parts ---

    def _arrange(self) -> None:
        self.list.setAccessibleName(_("Connections"))
        self.list.setIconSize(QSize(24, 24))
        self.list.currentItemChanged.connect(lambda *_: self._on_shown(True))
        self.list.itemActivated.connect(self._activated)
        left = QWidget()
        column = QVBoxLayout(left)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.list, 1)
        add = QPushButton(_("&Import …"))
        add.clicked.connect(lambda: self._do(Command("import")))
        column.addWidget(add)
        for page in (self._message, self.detail):
            self._pages.addWidget(page)
        split = QSplitter()
        split.addWidget(left)
        split.addWidget(self._pages)
        split.setStretchFactor(1, 1)
        split.setSizes([230, 630])
        split.setChildrenCollapsible(False)
        self._tabs.addTab(split, _("&Connections"))
        self._tabs.addTab(self.log, _("&Log"))
        self._tabs.currentChanged.connect(self._tab_changed)
        middle = QWidget()
        rows = QVBoxLayout(middle)
        rows.addWidget(self._banner)
        rows.addWidget(self._limited)
        rows.addWidget(self._tabs, 1)
        self._banner.hide()
        self._limited.hide()
        self.setCentralWidget(middle)

    def _menus(self) -> None:
        menu = self.menuBar().addMenu(_("&Rove"))
        for text, keys, command in (
                (_("&Import a connection …"), QKeySequence("Ctrl+O"), Command("import")),
                (_("Show the &log"), QKeySequence("Ctrl+L"), Command("log")),
                (_("Create &report …"), QKeySequence(), Command("report")),
                (_("&Close the window"), QKeySequence("Ctrl+W"), Command("close")),
                (_("&Quit"), QKeySequence("Ctrl+Q"), Command("quit"))):
            action = QAction(text, self)
            action.setShortcut(keys)
            action.triggered.connect(lambda _checked=False, command=command: self._do(command))
            menu.addAction(action)

    def _fill_list(self, known: Known) -> None:
        names = sorted(known.names, key=lambda name: (name.casefold(), name))    # it stays where it is
        there = [self.list.item(row).data(_NAME) for row in range(self.list.count())]
        if there != names:
            chosen = self.chosen
            self.list.blockSignals(True)
            self.list.clear()
            for name in names:
                item = QListWidgetItem(self.list)
                item.setData(_NAME, name)
            self.list.blockSignals(False)
            if names:
                self.list.setCurrentRow(names.index(chosen if chosen in names else known.names[0]))
        for row, name in enumerate(names):
            item, tunnel = self.list.item(row), known.tunnel(name)
            words = headline(tunnel) if tunnel else state_text("disconnected")
            text = f"{name}\n{words}"
            if item.text() != text:
                item.setText(text)
                item.setIcon(icons.state_icon(state_icon(tunnel) if tunnel else "rove-disconnected"))
                summary = profile_summary(known.row(name))
                item.setData(Qt.ItemDataRole.AccessibleTextRole, ", ".join(part for part in (name, words) if part))
                item.setData(Qt.ItemDataRole.AccessibleDescriptionRole, summary)

    def _activated(self, item: QListWidgetItem) -> None:
        """Enter or a double click: connect, or answer what is open."""
        name = str(item.data(_NAME))
        if name in self._known.asking:
            self._do(Command("answer", name))
        elif not self._known.tunnel(name) or self._known.tunnels[name].state in ("disconnected", "failed"):
            self._do(Command("connect", name))

    def _tab_changed(self, index: int) -> None:
        if self._tabs.widget(index) is self.log:
            self._on_log()


class _Message(QWidget):
    """In the place of a connection: there is none, or roved cannot be asked."""

    def __init__(self, do: Callable[[Command], None]) -> None:
        super().__init__()
        self._title, self._text = heading(""), label()
        self._button = QPushButton(_("Import a connection …"))
        self._button.clicked.connect(lambda: do(Command("import")))
        column = QVBoxLayout(self)
        column.setContentsMargins(32, 32, 32, 32)
        column.addStretch(1)
        for widget in (self._title, self._text, self._button):
            column.addWidget(widget)
        column.addStretch(2)

    def first_run(self) -> None:
        self._title.setText(_("Welcome to Rove"))
        self._text.setText(_(
            "Rove connects this computer to your company's network and keeps the connection when you change"
            " networks.\n\nWhoever runs your gateway gave you a file: a Rove profile (.toml) or one for strongSwan"
            " (.sswan). Drop it here, or choose it. Rove shows what it says before anything is stored, and asks for"
            " your password only when you connect."))
        self._button.show()

    def unreachable(self, known: Known) -> None:
        self._title.setText(reach_text(known.reach))
        advice = {
            Reach.STARTING: "",
            Reach.NOT_RUNNING: _("Start it with “systemctl start roved”, or ask whoever runs this computer. This"
                                 " window goes on by itself as soon as it is there."),
            Reach.NOT_AUTHORISED: _("Use a session at this computer, or ask an administrator. This window goes on by"
                                    " itself as soon as you may.")}.get(known.reach, "")
        self._text.setText("\n\n".join(part for part in (advice, known.reach_detail) if part))
        self._button.hide()


class _Banner(QFrame):
    """An error, above everything, until it is closed or the next one comes."""

    def __init__(self) -> None:
        super().__init__()
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self._text = label()
        close = QPushButton(_("Close"))
        close.clicked.connect(self.hide)
        row = QHBoxLayout(self)
        row.addWidget(self._text, 1)
        row.addWidget(close)

    def say(self, error: ErrorState, profile: str) -> None:
        title = f"{profile}: {error.message}" if profile else error.message
        self._text.setText("\n".join(part for part in (title, error.advice) if part))
        self._text.setAccessibleName(self._text.text())
        self.show()


def _files(event: QDropEvent) -> list[Path]:
    return [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()][:16]
