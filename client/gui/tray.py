"""The icon in the panel. It is made anew whenever a StatusNotifier host comes: one made before never shows."""

from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QApplication, QMenu, QStyle, QSystemTrayIcon

from client.gui import icons
from client.gui.view.entries import Command, Entry, TrayView

FRAME = 300     # ms
NOTHING = TrayView("rove-disconnected", "Rove", ())


class Tray(QObject):
    """``do`` runs a command; ``on_open`` is told that the menu is about to show, so that its times are right."""

    def __init__(self) -> None:
        super().__init__()
        self.do: Callable[[Command], None] = _nothing       # set once the application is loaded
        self.on_open: Callable[[], None] = _nothing
        self._view = NOTHING
        self._by_name = False
        self._icon: QSystemTrayIcon | None = None
        self._menu = QMenu()
        self._menu.aboutToShow.connect(lambda: self.on_open())
        self._shown: tuple[Entry, ...] = ()
        self._frame = 0
        self._timer = QTimer(self)
        self._timer.setInterval(FRAME)
        self._timer.timeout.connect(self._next_frame)
        self._activate = Command("open")

    @property
    def available(self) -> bool:
        return QSystemTrayIcon.isSystemTrayAvailable()

    @property
    def registered(self) -> bool:
        return self._icon is not None

    def register(self, by_name: bool) -> None:
        """(Again.) ``by_name``: there is a StatusNotifier host, else an XEmbed panel at most."""
        self._by_name = by_name
        self.remove()
        self._icon = QSystemTrayIcon(icons.tray_icon(icons.frames(self._view.icon)[0], by_name), self)
        self._icon.setContextMenu(self._menu)
        self._icon.activated.connect(self._activated)
        self._icon.setToolTip(self._view.tooltip)
        self._icon.show()

    def use_names(self, by_name: bool) -> None:
        """It has turned out that there is a StatusNotifier host, or none."""
        self._by_name = by_name
        self._draw()

    def remove(self) -> None:
        if self._icon is not None:
            self._icon.hide()
            self._icon.deleteLater()
            self._icon = None

    def show(self, view: TrayView) -> None:
        before, self._view = self._view, view
        if view.icon != before.icon:
            self._frame = 0
            self._draw()
            if view.animated and QApplication.style().styleHint(QStyle.StyleHint.SH_Widget_Animate):
                self._timer.start()
            else:
                self._timer.stop()
        if self._icon is not None and view.tooltip != before.tooltip:
            self._icon.setToolTip(view.tooltip)
        if view.menu != self._shown:
            self._fill(self._menu, view.menu)
            self._shown = view.menu

    def redraw(self) -> None:
        """The palette has changed."""
        self._draw()

    def _next_frame(self) -> None:
        self._frame += 1
        self._draw()

    def _draw(self) -> None:
        if self._icon is not None:
            frames = icons.frames(self._view.icon)
            self._icon.setIcon(icons.tray_icon(frames[self._frame % len(frames)], self._by_name))

    def _fill(self, menu: QMenu, entries: tuple[Entry, ...]) -> None:
        """Entries of the same kind are changed in their place: a menu that is open must not jump."""
        actions = menu.actions()
        if len(actions) == len(entries) and all(map(_alike, actions, entries)):
            for action, entry in zip(actions, entries, strict=True):
                self._set(action, entry)
            return
        submenus = [action.menu() for action in actions if action.menu() is not None]
        menu.clear()        # deletes its actions
        for submenu in submenus:
            submenu.deleteLater()
        for entry in entries:
            if entry.entries:
                submenu = QMenu(_escaped(entry.text), menu)     # PySide never lets go of one that addMenu(text) makes
                menu.addMenu(submenu)
                self._fill(submenu, entry.entries)
            elif not entry.text:
                menu.addSeparator()
            else:
                action = QAction(menu)
                action.triggered.connect(self._triggered)
                self._set(action, entry)
                menu.addAction(action)

    def _set(self, action: QAction, entry: Entry) -> None:
        if not entry.text:
            return
        action.setText(_escaped(entry.text))
        if entry.entries:
            submenu = action.menu()
            assert isinstance(submenu, QMenu)
            self._fill(submenu, entry.entries)
            return
        action.setEnabled(entry.command is not None)
        action.setData(tuple(entry.command) if entry.command else None)
        if entry.icon:
            action.setIcon(icons.state_icon(entry.icon))

    def _triggered(self) -> None:
        action = self.sender()
        if isinstance(action, QAction) and action.data():
            self.do(Command(*action.data()))

    def _activated(self, reason: QSystemTrayIcon.ActivationReason) -> None:
        if reason in (QSystemTrayIcon.ActivationReason.Trigger, QSystemTrayIcon.ActivationReason.DoubleClick):
            self.do(self._activate)


def _nothing(*_: object) -> None:
    """Somebody was quicker than our start."""


def _alike(action: QAction, entry: Entry) -> bool:
    """Is this the same sort of line, so that new words suffice?"""
    return bool(entry.entries) == (action.menu() is not None) and action.isSeparator() == (not entry.text) \
        and action.icon().isNull() == (not entry.icon)


def _escaped(text: str) -> str:
    """An & in a name is no mnemonic."""
    return text.replace("&", "&&")
