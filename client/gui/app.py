"""The application: joins the link to roved, the tray, the window, the prompts and the session bus."""

import asyncio
import functools
import logging
import os
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlparse

from PySide6.QtCore import QEvent, QObject, QTimer, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QApplication, QDialog, QMessageBox

from client.gui import links
from client.gui.desktop import Desktop
from client.gui.tray import Tray
from client.gui.view import notices, retold
from client.gui.view.details import detail_view, uses_ppk
from client.gui.view.entries import Command
from client.gui.view.known import Reach
from client.gui.view.tray_view import tray_view
from client.model.cause import Cause, RoveError
from client.model.state import ErrorState, State, TunnelState
from client.texts import error_text
from client.texts import translated as _

if TYPE_CHECKING:
    from client.gui.link import Link
    from client.gui.prompts import GuiPrompter
    from client.gui.window import MainWindow
    from client.importers import Imported

log = logging.getLogger(__name__)

LOOKING = 1000          # ms between two looks at the counters while the window is open
WANTED = 30.0           # s after a click for which a question may take the focus


class App(QObject):
    """``prompts.Host`` and ``link.Listener``. ``background``: started with the session, so nobody expects a window."""

    def __init__(self, tray: Tray, background: bool, roved_uid: int = 0) -> None:
        super().__init__()
        self._background = background
        self._roved_uid = roved_uid
        self._ended = asyncio.Event()
        self._wanted: dict[str, float] = {}
        self._later: dict[str, asyncio.TimerHandle] = {}
        self._ppk: dict[str, bool] = {}
        self._link: Link | None = None
        self._prompter: GuiPrompter | None = None
        self._window: MainWindow | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self.successor: list[str] = []      # after an upgrade: the arguments of the tray that takes over
        self._tray = tray
        tray.do, tray.on_open = self.do, self._menu_opens
        self._desktop = Desktop(self._opened, self._action, self._host_changed, self._notice_action)
        self._looking = QTimer(self)
        self._looking.setInterval(LOOKING)
        self._looking.timeout.connect(self._look)
        self._redraw = QTimer(self)
        self._redraw.setSingleShot(True)
        self._redraw.timeout.connect(self._show)
        application = QApplication.instance()
        assert application is not None
        application.installEventFilter(self)

    async def run(self, files: list[str], action: str) -> int:
        """Until Quit → the exit code."""
        if not await self._desktop.start():
            self._tray.remove()
            await self._desktop.hand_over(files, action)
            self._desktop.close()
            return 0
        if action == "quit":
            self._tray.remove()
            self._desktop.close()
            return 0
        has_host = await self._desktop.has_host()
        if self._tray.registered:
            self._tray.use_names(has_host)
        else:
            self._tray.register(has_host)
        self._show()
        from client.agent.harden import harden_process
        from client.gui.link import Link
        from client.gui.prompts import GuiPrompter
        harden_process()
        self._prompter = GuiPrompter(self)
        self._link = Link(self, self._prompter, self._roved_uid)
        serving = asyncio.get_running_loop().create_task(self._link.run())
        if not self._background and not self._tray.available:
            self._open_window()     # the window is the application
        if action:
            self._action(action, "")
        if files:
            self._import_files([Path(file) for file in files])
        ended = asyncio.get_running_loop().create_task(self._ended.wait())
        await asyncio.wait((serving, ended), return_when=asyncio.FIRST_COMPLETED)
        failed = serving.done() and not serving.cancelled()
        for task in (serving, ended):
            task.cancel()
        await asyncio.wait((serving, ended))
        self._tray.remove()
        self._desktop.close()
        if failed:
            serving.result()
        return 0

    def quit(self) -> None:
        self._ended.set()

    # --- commands: from the menu, the window, notifications ---

    def do(self, command: Command) -> None:
        name = command.name
        verbs = {"open": self._open_window, "quit": self.quit, "import": self._choose_file, "close": self._close_window,
                 "report": self._report}
        if command.verb in verbs:
            verbs[command.verb]()
        elif command.verb == "answer":
            if self._prompter:
                self._prompter.raise_open()
        elif command.verb == "log":
            self._open_window()
            assert self._window is not None
            self._window.open_log(name)
        elif command.verb == "browse":
            QDesktopServices.openUrl(QUrl(name, QUrl.ParsingMode.StrictMode))
        elif command.verb == "trust":
            self._decide(name)
        elif command.verb == "edit":
            self._edit(name)
        elif command.verb == "delete":
            self._delete(name)
        elif self._link is not None and command.verb == "pause":
            self._link.pause(name, 60.0 * command.minutes)
        elif self._link is not None:
            act = {"connect": self._link.connect, "disconnect": self._link.disconnect,
                   "reauth": self._link.reauthenticate, "rekey": self._link.rekey}[command.verb]
            if command.verb in ("connect", "reauth"):
                self._wanted[name] = time.monotonic()
            act(name)

    # --- link.Listener ---

    def known_changed(self) -> None:
        """Several changes come together: they are drawn once."""
        if not self._redraw.isActive():
            self._redraw.start(0)

    def tunnel_changed(self, before: TunnelState | None, after: TunnelState, ours: bool) -> None:
        if self._prompter is not None and self._prompter.open is not None and after.name in self._known.asking:
            return      # the question's notification stays
        seen = self._window is not None and self._window.isActiveWindow()
        said = notices.notice(before, after, ours)
        if isinstance(said, notices.Withdrawn) or (said is not None and seen):
            self._desktop.withdraw(after.name)
        elif said is not None:
            self._desktop.notify(said)

    def log_line(self, fields: dict[str, Any]) -> None:
        if self._window is not None and self._window.isVisible():
            self._window.log.add_line(fields)

    def trouble(self, profile: str, error: ErrorState) -> None:
        message, advice = retold.error(error.code, error.message, error.advice)
        shown = ErrorState(error.code, error.stage, message, advice)
        if self._window is not None and self._window.isVisible():
            self._window.trouble(shown, profile)
        else:
            title = f"{profile}: {message}" if profile else message
            self._desktop.notify(notices.Notice(profile, title, advice, "rove-failed"))

    def lost(self, profile: str) -> None:
        self._desktop.notify(notices.lost(profile))

    def gateway_says(self, profile: str, words: str) -> None:
        self._desktop.notify(notices.gateway_says(profile, words))

    def finding(self, profile: str, message: str) -> None:
        self._desktop.notify(notices.Notice(profile, profile, message, "rove-attention", urgency=0))

    def upgraded(self) -> bool:
        """Who had the window open finds it open; who fills in a dialog does so to its end."""
        dialog = QApplication.activeModalWidget()
        if isinstance(dialog, QDialog):
            dialog.finished.connect(self.upgraded)
            return False
        shown = self._window is not None and self._window.isVisible()
        self.successor = ["--background", *(["--action", "open"] if shown else [])]
        self.quit()
        return True

    # --- prompts.Host ---

    def deadline(self, profile: str) -> float | None:
        return self._link.deadlines.get(profile) if self._link else None

    def may_wait(self, profile: str) -> bool:
        from client.gui.link import is_reauthentication
        return is_reauthentication(self._known.tunnel(profile))

    def ask_later(self, profile: str, seconds: float) -> None:
        def again() -> None:
            del self._later[profile]
            if self.may_wait(profile) and self._link is not None:
                self._link.reauthenticate(profile)
        if handle := self._later.pop(profile, None):
            handle.cancel()
        self._later[profile] = asyncio.get_running_loop().call_later(seconds, again)

    def wanted(self, profile: str) -> bool:
        """Asked for by a click a moment ago, and nobody has gone elsewhere since."""
        clicked = time.monotonic() - self._wanted.pop(profile, -WANTED) < WANTED
        return clicked and (QApplication.activeWindow() is not None or self._window is None
                            or not self._window.isVisible())

    def opened(self, profile: str, title: str, dialog: QDialog) -> None:
        if self._link is not None:
            self._link.asking(profile, True)
        # Whoever sees the dialog needs no notification of it.
        QTimer.singleShot(400, dialog, lambda: None if dialog.isActiveWindow() else
                          self._desktop.notify(notices.question(profile, title)))

    def closed(self, profile: str) -> None:
        if self._link is not None:
            self._link.asking(profile, False)
        self._desktop.withdraw(profile)

    # --- the desktop ---

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ApplicationPaletteChange:
            self._tray.redraw()
        return super().eventFilter(watched, event)

    def _host_changed(self, there: bool) -> None:
        """A panel that has just come needs a moment until it takes icons."""
        QTimer.singleShot(300 if there else 0, self, lambda: self._tray.register(there))

    def _opened(self, uris: list[str], token: str) -> None:
        _use_token(token)
        files = [Path(unquote(urlparse(uri).path)) for uri in uris if urlparse(uri).scheme == "file"]
        if files:
            self._import_files(files)
        else:
            self._open_window()

    def _action(self, name: str, token: str) -> None:
        _use_token(token)
        if name == "disconnect":
            self.do(Command("disconnect"))
        elif name in ("import", "quit", "open"):
            self.do(Command(name))

    def _notice_action(self, profile: str, action: str, token: str) -> None:
        _use_token(token)
        if action == "dismiss":
            if self._prompter and self._prompter.open is not None:
                self._prompter.open.reject()
        elif action in ("answer", "connect"):
            self.do(Command(action, profile))
        elif action in ("open", "default"):
            if profile in self._known.asking:
                self.do(Command("answer", profile))
            else:
                self._open_window()
                self._choose(profile)

    # --- showing ---

    @property
    def _known(self) -> Any:
        from client.gui.view.known import Known
        return self._link.known if self._link is not None else Known()

    def _menu_opens(self) -> None:
        self._show()
        if self._link is not None:
            self._link.refresh()

    def _show(self) -> None:
        known, now = self._known, datetime.now(UTC)
        self._tray.show(tray_view(known, now, links.link_kind))
        window = self._window
        if window is None or not window.isVisible():
            return
        window.show_known(known)
        name = window.chosen
        if name and known.reach is Reach.READY and self._link is not None:
            from client.gui.view.history import History
            history = self._link.histories.setdefault(name, History())
            window.show_detail(detail_view(known, name, now, links.link_kind, self._ppk.get(name, False)), history)

    def _look(self) -> None:
        """Once a second while somebody looks."""
        if self._link is not None:
            active = [tunnel for tunnel in self._known.tunnels.values() if tunnel.state == State.CONNECTED.value]
            if active:
                self._link.sample()
        self.known_changed()

    def _open_window(self) -> None:
        if self._window is None:
            from client.gui.window import MainWindow
            self._window = MainWindow(self.do, self._looked_at, self._import_files, self._load_log)
        self._window.open_connections()
        self._window.come_forward()

    def _close_window(self) -> None:
        if self._window is not None:
            self._window.close()

    def _looked_at(self, visible: bool) -> None:
        if visible:
            if not self._looking.isActive():
                self._looking.start()
                if self._link is not None:
                    self._link.refresh()
            self._learn_ppk()
            self.known_changed()
        else:
            self._looking.stop()
            if self._link is not None:
                for history in self._link.histories.values():
                    history.pause()

    def _learn_ppk(self) -> None:
        """Whether the chosen profile demands a post-quantum pre-shared key: the status does not tell."""
        name = self._window.chosen if self._window else ""
        if name and name not in self._ppk:
            async def learn() -> None:
                import tomllib
                assert self._link is not None
                try:
                    self._ppk[name] = uses_ppk(tomllib.loads(await self._link.client.get_profile(name)))
                except (RoveError, OSError, ValueError) as error:
                    log.info("the profile of %s was not read: %s", name, error)
            self._do_async(learn())

    def _load_log(self) -> None:
        async def load() -> None:
            assert self._link is not None
            assert self._window is not None
            try:
                self._window.log.show_lines(await self._link.client.log(0.0))
            except (RoveError, OSError) as error:
                log.info("the log was not read: %s", error)
        self._do_async(load())

    def _report(self) -> None:
        async def make() -> None:
            from client.gui.report_dialog import ReportDialog
            from client.report import collect, report_text
            client = self._link.client if self._link is not None and self._known.reach is Reach.READY else None
            material, now = await collect(client), datetime.now(UTC)
            ReportDialog(report_text(material, now), now, self._window).open()
        self._open_window()
        self._do_async(make())

    # --- importing, deleting ---

    def _choose_file(self) -> None:
        from client.gui.import_dialog import ask_for_file
        self._open_window()
        if (path := ask_for_file(self._window)) is not None:
            self._import_files([path])

    def _import_files(self, paths: list[Path]) -> None:
        from client.gui.import_dialog import ImportDialog
        self._open_window()
        for path in paths:
            ImportDialog(path, self._adopt, self._imported, self._window).open()

    async def _adopt(self, imported: "Imported") -> str:
        from client.agent.adopt import adopt
        assert self._link is not None
        return await adopt(self._link.client, imported.profile_toml, imported.credentials)

    def _imported(self, name: str) -> None:
        self._ppk.pop(name, None)
        if self._link is not None:
            self._link.refresh()
        QTimer.singleShot(300, self, lambda: self._choose(name))

    def _edit(self, name: str) -> None:
        async def edit() -> None:
            from client.gui.edit_dialog import EditDialog
            assert self._link is not None
            try:
                text = await self._link.client.get_profile(name)
            except (RoveError, OSError) as error:
                log.info("the profile of %s was not read: %s", name, error)
                return
            EditDialog(name, text, self._change, self._imported, self._window).open()
        self._open_window()
        self._do_async(edit())

    async def _change(self, name: str, compose: Callable[[Mapping[str, str]], str], files: Mapping[str, Path]) -> None:
        from client.agent.change import change
        assert self._link is not None
        await change(self._link.client, name, compose, files)

    def _decide(self, name: str) -> None:
        """About a gateway that was refused: pinned is its key only where somebody says so."""
        from client.gui.trust_dialog import TrustDialog
        from client.gui.view.trust_view import decision
        tunnel = self._known.tunnel(name)
        shown = decision(tunnel, self._known.row(name).gateway) if tunnel is not None else None
        if shown is None:
            return

        async def pin() -> None:
            from client.importers import ImportFailed
            from client.importers.edited import edited
            try:
                assert self._link is not None
                text = await self._link.client.get_profile(name)
                await self._change(name, lambda _copies: edited(text, shown.changes), {})
            except RoveError as error:
                self.trouble(name, error_text(error.cause, error.detail))
            except (ImportFailed, OSError) as error:
                self.trouble(name, error_text(Cause.BAD_SETTINGS, str(error)))
            else:
                self._imported(name)
        self._open_window()
        TrustDialog(shown, lambda: self._do_async(pin()), self._window).open()

    def _choose(self, name: str) -> None:
        if self._window is not None:
            self._window.choose(name)

    def _delete(self, name: str) -> None:
        box = QMessageBox(QMessageBox.Icon.Question, "Rove", _("Delete {name} and its copied credentials?").format(
            name=name), QMessageBox.StandardButton.NoButton, self._window)
        yes = box.addButton(_("Delete"), QMessageBox.ButtonRole.DestructiveRole)
        no = box.addButton(_("Cancel"), QMessageBox.ButtonRole.RejectRole)
        box.setDefaultButton(no)
        box.setEscapeButton(no)
        if self._link is not None:
            yes.clicked.connect(functools.partial(self._link.delete, name))
        box.finished.connect(box.deleteLater)
        box.open()

    def _do_async(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _use_token(token: str) -> None:
    """xdg-activation: with it a window may take the focus under Wayland; Qt reads it from the environment."""
    if token:
        os.environ["XDG_ACTIVATION_TOKEN"] = token
