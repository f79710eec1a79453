"""Our icons: by theme name where the desktop can recolour them, else painted in the palette's colour."""

import sys
from functools import cache
from pathlib import Path

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QRect, QSize, Qt
from PySide6.QtGui import QColor, QGuiApplication, QIcon, QImage, QImageReader, QPainter, QPalette, QPixmap

APP = "org.rovevpn.Rove"        # Wayland app id = desktop file = icon
SIZES = (16, 22, 24, 32, 48, 64)
_DRAWN = b"#2e3436"             # the colour that our symbolic icons are drawn in
FRAMES = {"rove-acquiring": tuple(f"rove-acquiring-{n}" for n in (1, 2, 3, 4))}
_AROUND = tuple((x, y) for x in (-1, 0, 1) for y in (-1, 0, 1) if (x, y) != (0, 0))
_INSTALLED = (Path("/usr/share/icons"), Path("/usr/local/share/icons"))


@cache
def folder() -> Path:
    """Where the icons are: the source tree's, the environment's, the system's."""
    for path in (Path(__file__).parents[2] / "icons", Path(sys.prefix) / "share/icons", *_INSTALLED):
        if (path / "hicolor/symbolic/status/rove-connected-symbolic.svg").exists():
            return path
    return _INSTALLED[0]


def use_theme() -> None:
    """Once, after the application is made."""
    paths = QIcon.themeSearchPaths()
    if str(folder()) not in paths:
        QIcon.setThemeSearchPaths([str(folder()), *paths])
    QIcon.setFallbackThemeName("hicolor")
    QGuiApplication.setWindowIcon(QIcon(str(folder() / f"hicolor/scalable/apps/{APP}.svg")))


def frames(name: str) -> tuple[str, ...]:
    """The icons of an animation, the icon itself where there is none."""
    return FRAMES.get(name, (name,))


def tray_icon(name: str, by_name: bool) -> QIcon:
    """``by_name``: a StatusNotifier host looks it up and recolours it; possible where the icons are installed."""
    if by_name and folder() in _INSTALLED:
        return QIcon.fromTheme(f"{name}-symbolic", painted(name, _text_colour()))
    # Nobody tells how dark an XEmbed panel is: a rim in the opposite colour shows on any.
    return painted(name, _text_colour(), QGuiApplication.palette().color(QPalette.ColorRole.Base))


def state_icon(name: str) -> QIcon:
    """For windows."""
    return painted(frames(name)[-1], _text_colour())


def painted(name: str, colour: QColor, rim: QColor | None = None) -> QIcon:
    chosen = QGuiApplication.palette().color(QPalette.ColorRole.HighlightedText)
    return _painted(name, colour.name(), rim.name() if rim is not None else "", "" if rim else chosen.name())


@cache
def _painted(name: str, colour: str, rim: str, chosen: str) -> QIcon:
    icon = QIcon()
    data = svg(name)
    modes = ((QIcon.Mode.Normal, colour), *([(QIcon.Mode.Selected, chosen)] if chosen else []))
    for mode, paint in modes if data else ():
        for size in SIZES:
            icon.addPixmap(QPixmap.fromImage(_image(data, size, paint, rim)), mode)
    return icon


def _image(data: bytes, size: int, paint: str, rim: str) -> QImage:
    width = max(size // 16, 1) if rim else 0
    glyph = _rendered(data.replace(_DRAWN, paint.encode()), size - 2 * width)
    if not rim:
        return glyph
    image = QImage(size, size, QImage.Format.Format_ARGB32_Premultiplied)
    image.fill(Qt.GlobalColor.transparent)
    around = _rendered(data.replace(_DRAWN, rim.encode()), size - 2 * width)
    painter = QPainter(image)
    for x, y in _AROUND:
        painter.drawImage(QRect(width * (1 + x), width * (1 + y), around.width(), around.height()), around)
    painter.drawImage(width, width, glyph)
    painter.end()
    return image


def _rendered(data: bytes, size: int) -> QImage:
    """By Qt's image plugin: its Python module for SVG takes 70 ms to load."""
    buffer = QBuffer()
    buffer.setData(QByteArray(data))
    buffer.open(QIODevice.OpenModeFlag.ReadOnly)
    reader = QImageReader(buffer, QByteArray(b"svg"))
    reader.setScaledSize(QSize(size, size))
    return reader.read()


def svg(name: str) -> bytes:
    """Empty where there is none: an icon that is missing is no reason to end."""
    try:
        return (folder() / f"hicolor/symbolic/status/{name}-symbolic.svg").read_bytes()
    except OSError:
        return b""


def _text_colour() -> QColor:
    return QGuiApplication.palette().color(QPalette.ColorRole.WindowText)
