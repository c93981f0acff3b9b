"""What comes in and what goes out, as spectrograms on one clock, and when targets were there.

A column is a thirtieth of a second; the newest is at the right. Pictures are drawn from
buffers that never grow, once a frame.
"""

from collections.abc import Sequence

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PyQt6.QtCore import pyqtSignal
from PyQt6.QtGui import QFont
from PyQt6.QtWidgets import QGraphicsItem, QVBoxLayout, QWidget

from tap_live.events import Caption, Spectrum, Target
from tap_live.spectra import A_SECOND, BANDS, band_edges
from tap_live.ui.colours import DARK, Theme
from tap_live.ui.presence import ABSENT, NOBODY, PRESENT, Lanes
from tap_live.ui.scroll import ScrollingPicture

SHOWN_S = 15
COLUMNS = SHOWN_S * A_SECOND
_LEVELS = (50, 215)  # bytes shown darkest and brightest: -95 and -12.5 dBFS
_TICKS_HZ = (100, 1000, 10_000)
_STREAMS = ("mixture", "output")
_AXIS = 96  # pixels


class Pictures(QWidget):
    """Spectrograms of mixture and output, and a lane for each target."""

    marked = pyqtSignal(float, float)  # a span that is shown, in seconds of the stream

    def __init__(self) -> None:
        super().__init__()
        self._theme = DARK
        self._rate = 48_000
        self._dirty = False
        self._span: tuple[float, float] | None = None
        self._moving = False
        self._pictures = {name: ScrollingPicture(COLUMNS, BANDS, A_SECOND) for name in _STREAMS}
        self._lanes = Lanes(COLUMNS, A_SECOND)
        self._view = pg.GraphicsLayoutWidget()
        self._view.setAccessibleName(self.tr("Spectrograms of what comes in and what goes out"))
        self._view.ci.layout.setSpacing(2)
        self._view.ci.setContentsMargins(4, 4, 18, 0)
        self._names = {"mixture": self.tr("in"), "output": self.tr("out")}
        self._plots = {
            name: self._plot(row, self._names[name]) for row, name in enumerate(_STREAMS)
        }
        self._images = {name: self._image(plot) for name, plot in self._plots.items()}
        self._lane_plot = self._plot(len(_STREAMS), "")
        self._lane_image = self._image(self._lane_plot)
        self._lane_plot.setYRange(0, self._lanes.picture.rows, padding=0)
        self._region = pg.LinearRegionItem(movable=True)
        self._region.setVisible(False)
        self._region.sigRegionChanged.connect(self._dragged)
        self._plots["mixture"].addItem(self._region)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._view)
        self.setMinimumHeight(190)
        self._label()
        self.show_targets(())
        self.set_theme(DARK)

    def restart(self, rate: int) -> None:
        """A stream begins."""
        self._rate = rate
        for picture in self._pictures.values():
            picture.restart()
        self._lanes.restart()
        self.mark(None)
        self._label()
        self._dirty = True

    def take(self, event: Spectrum | Target | Caption) -> None:
        """Keep what is to be drawn; a caption tells when a voice was there."""
        if isinstance(event, Target):
            self._lanes.take(event)
        elif isinstance(event, Caption):
            self._lanes.spoke(f"voice:{event.speaker}", event.start, event.end)
        elif event.stream in self._pictures and len(event.bands) == BANDS:
            seconds = event.position / self._rate
            self._pictures[event.stream].put(seconds, event.bands)
            if event.stream == "mixture":
                self._lanes.put(seconds)
            self._dirty = True

    def show_targets(self, names: Sequence[str]) -> None:
        """Give each target its lane."""
        self._lanes.show(names)
        shown = len(self._lanes.names)
        self._lane_plot.setVisible(shown > 0)
        rows = self._lanes.picture.rows
        self._lane_plot.setYRange(rows - 4 * shown, rows, padding=0)
        self._lane_plot.setFixedHeight(18 * shown + 4 if shown else 0)
        ticks = [
            (rows - 4 * lane - 1.5, _short(name.partition(":")[2]))
            for lane, name in enumerate(self._lanes.names)
        ]
        self._lane_plot.getAxis("left").setTicks([ticks])

    def draw(self) -> None:
        """Draw what came since the last frame."""
        if not self._dirty or not self.isVisible():
            return
        self._dirty = False
        for name, picture in self._pictures.items():
            self._images[name].setImage(picture.view(), autoLevels=False)
        if self._lanes.names:
            self._lane_image.setImage(self._lanes.picture.view(), autoLevels=False)
        if self._span is not None:
            self._place_region()

    @property
    def span(self) -> tuple[float, float] | None:
        """What is marked, in seconds of the stream."""
        return self._span

    @property
    def end_s(self) -> float:
        """Seconds of the stream at the right edge."""
        return self._pictures["mixture"].end_s

    def mark(self, span: tuple[float, float] | None) -> None:
        """Mark a part of the stream, which then scrolls with it; None marks nothing."""
        self._span = span
        self._region.setVisible(span is not None)
        if span is not None:
            self._place_region()

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme
        self._view.setBackground(theme.panel)
        table = _shades(theme)
        for image in self._images.values():
            image.setLookupTable(table)
        self._lane_image.setLookupTable(_lane_shades(theme))
        for plot in (*self._plots.values(), self._lane_plot):
            for side in ("left", "bottom"):
                plot.getAxis(side).setTextPen(theme.muted)
                plot.getAxis(side).setPen(theme.line)
        for name, plot in self._plots.items():
            plot.getAxis("left").setLabel(self._names[name], color=theme.text)
        self._dirty = True

    def _plot(self, row: int, name: str) -> pg.PlotItem:
        plot = self._view.addPlot(row=row, col=0)
        plot.setMouseEnabled(x=False, y=False)
        plot.hideButtons()
        plot.setMenuEnabled(False)
        plot.setXRange(0, COLUMNS, padding=0)
        plot.setYRange(0, BANDS, padding=0)
        plot.getAxis("left").setWidth(_AXIS)
        small = QFont(self.font())
        small.setPointSizeF(max(7.5, self.font().pointSizeF() - 1))
        for side in ("left", "bottom"):
            axis = plot.getAxis(side)
            axis.setStyle(tickLength=3, tickFont=small, hideOverlappingLabels=False)
            axis.setCacheMode(QGraphicsItem.CacheMode.DeviceCoordinateCache)  # pictures touch it
        last = name == self.tr("out")
        plot.getAxis("bottom").setStyle(showValues=last)
        plot.getAxis("bottom").setHeight(20 if last else 4)
        if not name:
            plot.hideAxis("bottom")
        seconds = range(0, SHOWN_S + 1, 5)
        ticks = [(COLUMNS - s * A_SECOND, self.tr("now") if s == 0 else f"−{s} s") for s in seconds]
        plot.getAxis("bottom").setTicks([ticks])
        return plot

    def _image(self, plot: pg.PlotItem) -> pg.ImageItem:
        image = pg.ImageItem()
        image.setImage(np.zeros((COLUMNS, BANDS), np.uint8), autoLevels=False)
        plot.addItem(image)
        return image

    def _label(self) -> None:
        edges = band_edges(self._rate)
        places = np.interp(np.log(_TICKS_HZ), np.log(edges), np.arange(len(edges)))
        names = ("100 Hz", "1 kHz", "10 kHz")
        ticks = [
            (place, name)
            for place, name, hertz in zip(places, names, _TICKS_HZ, strict=True)
            if hertz < edges[-1]
        ]
        for plot in self._plots.values():
            plot.getAxis("left").setTicks([ticks])

    def _place_region(self) -> None:
        assert self._span is not None
        self._moving = True
        edge = COLUMNS - self.end_s * A_SECOND
        self._region.setRegion([edge + seconds * A_SECOND for seconds in self._span])
        self._moving = False

    def _dragged(self) -> None:
        if self._moving or self._span is None:
            return
        left, right = self._region.getRegion()
        edge = COLUMNS - self.end_s * A_SECOND
        self._span = (left - edge) / A_SECOND, (right - edge) / A_SECOND
        self.marked.emit(*self._span)


def _short(name: str) -> str:
    return name if len(name) <= 12 else name[:11] + "…"


def _shades(theme: Theme) -> NDArray[np.uint8]:
    """(256, 3): from the panel's colour over blue to yellow, or to black on a light ground."""
    if theme.name == "light":
        stops = ("#ffffff", "#cfe3f2", "#6aaed6", "#2171b5", "#08306b", "#020d22")
    else:
        stops = ("#0c1016", "#16284a", "#28538f", "#3f93b5", "#a5d36a", "#fff3b0")
    rgb = np.array([[int(stop[i : i + 2], 16) for i in (1, 3, 5)] for stop in stops])
    first, last = _LEVELS
    at = np.clip((np.arange(256) - first) / (last - first), 0, 1) * (len(stops) - 1)
    channels = [np.interp(at, np.arange(len(stops)), column) for column in rgb.T]
    return np.round(np.transpose(channels)).astype(np.uint8)


def _lane_shades(theme: Theme) -> NDArray[np.uint8]:
    """(256, 3) for the bytes of `presence`."""
    table = np.zeros((256, 3), np.uint8)
    colours = {NOBODY: theme.panel, ABSENT: theme.field, PRESENT: theme.good}
    for value, colour in colours.items():
        table[value:] = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    return table
