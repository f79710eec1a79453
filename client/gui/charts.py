"""Throughput and the states over time, painted; a screen reader gets them in words."""

import time

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QBrush, QColor, QPainter, QPaintEvent, QPalette, QPen, QPolygonF
from PySide6.QtWidgets import QWidget

from client.gui.view.history import MAX_SAMPLES, History, stretches
from client.model.state import State
from client.model.units import octets
from client.texts import state_text
from client.texts import translated as _

SECONDS = MAX_SAMPLES
LEAST_SCALE = 1024.0        # octets/s: noise is not to look like a flood
SHORTEST, LONGEST = 300.0, 3600.0   # s of the state timeline: it grows with what there is to see

# state → pattern and strength: told apart without colours, the words are beside it
_PATTERNS = {
    State.CONNECTED.value: (Qt.BrushStyle.SolidPattern, 1.0), State.ROAMING.value: (Qt.BrushStyle.SolidPattern, 0.7),
    State.CONNECTING.value: (Qt.BrushStyle.BDiagPattern, 1.0),
    State.RECONNECTING.value: (Qt.BrushStyle.BDiagPattern, 1.0),
    State.WAITING_FOR_USER.value: (Qt.BrushStyle.Dense5Pattern, 1.0),
    State.OFFLINE.value: (Qt.BrushStyle.HorPattern, 1.0), State.BLOCKED.value: (Qt.BrushStyle.CrossPattern, 1.0),
    State.FAILED.value: (Qt.BrushStyle.DiagCrossPattern, 1.0),
}


class Chart(QWidget):
    def __init__(self, name: str, height: int) -> None:
        super().__init__()
        self.history = History()
        self._height = height
        self.setAccessibleName(name)
        self.setMinimumHeight(height)

    def sizeHint(self) -> QSize:
        return QSize(320, self._height)

    def show_history(self, history: History) -> None:
        self.history = history
        words = self.words()
        if self.accessibleDescription() != words:
            self.setAccessibleDescription(words)
            self.setToolTip(words)
        self.update()

    def words(self) -> str:
        return ""

    def _colour(self, strength: float = 1.0) -> QColor:
        colour = QColor(self.palette().color(QPalette.ColorRole.Highlight))
        colour.setAlphaF(strength)
        return colour

    def _text(self) -> QColor:
        return self.palette().color(QPalette.ColorRole.WindowText)


class Throughput(Chart):
    """The last minutes: received solid, sent dashed."""

    def __init__(self) -> None:
        super().__init__(_("Throughput"), 130)

    def words(self) -> str:
        if not self.history.samples:
            return ""
        last = self.history.samples[-1]
        return _("receiving {received}/s, sending {sent}/s").format(received=octets(last.received),
                                                                     sent=octets(last.sent))

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        metrics = self.fontMetrics()
        field = QRectF(0.5, metrics.height() + 4.5, self.width() - 1, self.height() - metrics.height() - 6)
        samples = list(self.history.samples)
        most = max([LEAST_SCALE, *(value for one in samples for value in (one.received, one.sent))])
        painter.setPen(self._text())
        painter.drawText(QPointF(0, metrics.ascent()), self.words() or _("No traffic measured yet"))
        scale = f"{octets(most)}/s"
        painter.drawText(QPointF(self.width() - metrics.horizontalAdvance(scale), metrics.ascent()), scale)
        painter.setPen(QPen(self.palette().color(QPalette.ColorRole.Mid), 1))
        painter.drawRect(field)
        now = samples[-1].at if samples else 0.0
        for values, style, width in (([one.received for one in samples], Qt.PenStyle.SolidLine, 2.0),
                                     ([one.sent for one in samples], Qt.PenStyle.DashLine, 1.5)):
            line = QPolygonF([QPointF(field.right() - (now - one.at) / SECONDS * field.width(),
                                      field.bottom() - value / most * field.height())
                              for one, value in zip(samples, values, strict=True) if now - one.at <= SECONDS])
            painter.setPen(QPen(self._colour() if style is Qt.PenStyle.SolidLine else self._text(), width, style))
            painter.drawPolyline(line)
        painter.end()


class Timeline(Chart):
    """The states of the last hour at most, from left to right, up to now."""

    def __init__(self) -> None:
        super().__init__(_("States over time"), 54)

    def words(self) -> str:
        shown = [state_text(span.state) for span in list(self.history.spans)[-8:]]
        return ", ".join(shown)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        metrics = self.fontMetrics()
        now = time.time()
        band = QRectF(0.5, 0.5, self.width() - 1, self.height() - metrics.height() - 5)
        labels_end = 0.0
        spans = list(self.history.spans)
        period = min(max(now - spans[0].begin, SHORTEST), LONGEST) if spans else SHORTEST
        for state, begin, end in stretches(spans, now - period, now):
            left = band.left() + (begin - now + period) / period * band.width()
            right = band.left() + (end - now + period) / period * band.width()
            pattern, strength = _PATTERNS.get(state, (Qt.BrushStyle.NoBrush, 0.0))
            piece = QRectF(left, band.top(), max(right - left, 1.5), band.height())
            painter.fillRect(piece, QBrush(self._colour(strength), pattern))
            words = state_text(state)
            if right - left > 24 and left >= labels_end:
                painter.setPen(self._text())
                painter.drawText(QPointF(left, self.height() - metrics.descent()),
                                 metrics.elidedText(words, Qt.TextElideMode.ElideRight, int(right - left)))
                labels_end = left + min(metrics.horizontalAdvance(words), right - left) + 6
        painter.setPen(QPen(self.palette().color(QPalette.ColorRole.Mid), 1))
        painter.drawRect(band)
        painter.end()
