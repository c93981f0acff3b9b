"""Every error that TAP Live raises for a user or a caller to act on.

    TapError
    ├── ConfigError         a setting that cannot be
    ├── AudioError          a file or stream that is not usable audio
    ├── DeviceError         a sound device that is missing, ambiguous or gone
    ├── StreamError         a stream that a fault of the program ended
    ├── OverrunError        samples overwritten before they were read
    ├── BundleError         a bundle or weights file that is broken, foreign or absent
    │   └── ParityError     two backends that disagree
    ├── RuntimeMissingError a part that is not installed, and how to install it
    ├── StorageError        a folder that cannot be written, a disk that is full
    ├── CueError            words or a clip that cannot ask for a sound
    ├── VoiceError          a voice that is not enrolled, or a clip that cannot enrol one
    ├── AddressError        an address that cannot be listened on
    ├── NotPossibleError    a command that this stream cannot carry out
    ├── CancelledError      a long task that the user stopped
    └── WireError           a message that is not one of ours
        ├── RefusedError    a request that is not let in
        ├── ClosingError    a connection that has to end
        └── CommandError    a command that was answered with an error

Text says what was wanted, what was found and what to do; one line, so that a
command can print it as it is.
"""


class TapError(Exception):
    """Anything that TAP Live reports in one line instead of a traceback."""


class ConfigError(TapError, ValueError):
    """A setting that cannot be."""


class AudioError(TapError):
    """A file or stream that is not usable audio."""


class DeviceError(TapError):
    """A sound device that is missing, ambiguous or gone."""


class StreamError(TapError):
    """A stream that a fault of the program ended; what was captured is kept."""


class OverrunError(TapError):
    """Samples were overwritten before they were read."""

    def __init__(self, wanted: int, oldest: int) -> None:
        super().__init__(wanted, oldest)
        self.wanted = wanted
        self.oldest = oldest

    def __str__(self) -> str:
        return (
            f"{self.oldest - self.wanted} samples lost: "
            f"reader at {self.wanted}, oldest held {self.oldest}"
        )


class BundleError(TapError):
    """A bundle or weights file that is broken, foreign or absent."""


class ParityError(BundleError):
    """Two backends gave different results for one stream."""

    def __init__(self, output: str, step: int, difference: float, tolerance: float) -> None:
        super().__init__(output, step, difference, tolerance)
        self.output = output
        self.step = step
        self.difference = difference
        self.tolerance = tolerance

    def __str__(self) -> str:
        return (
            f"output {self.output!r} differs by {self.difference:.2e} at step {self.step}, "
            f"{self.tolerance:.0e} allowed; do not ship this export"
        )


class RuntimeMissingError(TapError, ImportError):
    """A part that is not installed, and how to install it."""


class StorageError(TapError):
    """A folder that cannot be written, a disk that is full."""


class CueError(TapError):
    """Words or a clip that cannot ask for a sound."""


class VoiceError(TapError):
    """A voice that is not enrolled, or a clip that cannot enrol one."""


class AddressError(TapError):
    """An address that cannot be listened on."""


class NotPossibleError(TapError):
    """A command that this stream cannot carry out."""


class CancelledError(TapError):
    """A long task that the user stopped."""


class WireError(TapError):
    """A message that is not one of ours."""


class RefusedError(WireError):
    """A request that is not let in; `reason` is one word for counting, `status` is HTTP's."""

    def __init__(self, status: int, reason: str, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.reason = reason


class ClosingError(WireError):
    """A connection that has to end, with a close code that says why."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


class CommandError(WireError):
    """A command that was answered with an error; `code` is for programs."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code
