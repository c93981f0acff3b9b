"""Give every event to those who draw it, draw once a frame, and say what has to be said."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from PyQt6.QtCore import QObject

from tap_live.events import (
    AnyEvent,
    Bye,
    Caption,
    Device,
    Failed,
    Hello,
    Level,
    Spectrum,
    Stop,
    Target,
    Warned,
)
from tap_live.ui.engine import Phase
from tap_live.ui.health import HealthWatch
from tap_live.ui.link import Link
from tap_live.ui.local import LocalEngine
from tap_live.ui.remote import RemoteEngine
from tap_live.ui.wording import plain

if TYPE_CHECKING:
    from tap_live.ui.window import Window


class Director(QObject):
    """Between the link and a window's parts."""

    def __init__(self, link: Link, window: "Window") -> None:
        super().__init__(window)
        self.health = HealthWatch()
        self._link, self._window = link, window
        self._level: Level | None = None
        self._news = True  # beside spectra, since the last frame
        link.heard.connect(self.hear)
        link.frame.connect(self.draw)
        link.phase_changed.connect(self.show_phase)
        link.engine_changed.connect(self._show_where)
        link.slow.connect(self._say_slow)
        self._show_where()

    def hear(self, event: AnyEvent) -> None:
        """Take one event of the stream."""
        listen, banner = self._window.listen, self._window.banner
        self._news |= not isinstance(event, Spectrum)
        self.health.take(event)
        match event:
            case Spectrum() | Target():
                listen.pictures.take(event)
            case Level():
                self._level = event
            case Caption():
                self._window.transcript.take(event)
                listen.pictures.take(event)
            case Hello(rate=rate, capabilities=capabilities):
                if not self._link.engine.remote:
                    banner.outdated()
                listen.pictures.restart(rate)
                if "captions" in capabilities:  # a preview has none, and is no time to count
                    self._window.transcript.begin()
            case Bye():
                self._end()
            case Failed(code="engine-ended", text=text):
                again = (self.tr("Start again"), self._start)
                banner.say(self.tr("The engine stopped. {why}").format(why=text), "bad", again)
            case Failed(code="engine-lost", text=text):
                self._say_lost(text)
            case Failed(text=text):
                banner.say(text)
            case Warned():
                banner.say(plain(event), "watch")
            case Device(change="lost", text=text):
                banner.say(text, "watch", stays=True)
            case Device(change="returned", text=text):
                banner.say(text, "good")

    def draw(self) -> None:
        """Once a frame, after all events of the moment."""
        window = self._window
        if window.isMinimized():
            return
        window.listen.pictures.draw()
        window.listen.captions.view.draw()
        window.strip.draw()
        if self._news:
            self._news = False
            window.listen.show_level(self._level)
            window.health_line.show_health(self.health.verdict())

    def show_phase(self, phase: Phase) -> None:
        self._news = True
        if phase in (Phase.STOPPED, Phase.LOST):
            self._end()
        elif phase is Phase.RUNNING:
            self.health.running = True  # one that was lost says no second hello

    def use_here(self) -> None:
        """Go on with an engine on this computer."""
        old = self._link.engine
        self._link.use(LocalEngine())
        old.close()

    def _end(self) -> None:
        """A stream is over."""
        self._level = None
        self.health.end()
        self._window.transcript.end()
        self._window.listen.targets.clear_presence()

    def _start(self) -> None:
        self._link.begin()

    def _say_slow(self, text: str) -> None:
        """Engines are being built: the stream's `hello` takes this away."""
        self._window.banner.say(text, "watch", (self.tr("Give up"), self._stop))

    def _stop(self) -> None:
        self._link.send(Stop(id=self._link.new_id()))

    def _show_where(self) -> None:
        where = self._link.engine.where
        self._window.health_line.where.setText(self.tr("engine: {where}").format(where=where))

    def _say_lost(self, text: str) -> None:
        """The engine elsewhere is gone: it is looked for, and can be done without."""
        engine = self._link.engine
        acts: list[tuple[str, Callable[[], object]]] = []
        if isinstance(engine, RemoteEngine):
            acts.append((self.tr("Try now"), engine.retry))
        acts.append((self.tr("Use this computer"), self.use_here))
        kept = self.tr("What it recorded is kept there; it is looked for again and again.")
        self._window.banner.say(f"{text}. {kept}", "bad", *acts)
