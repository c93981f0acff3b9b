"""What libraries tell about their own insides, which no user of ours can act on."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def unheard() -> Iterator[None]:
    """Inside, warnings and log records below errors are left out.

    PyTorch's tracer names files of the machine and packages that we do without; the quantizer of
    ONNX Runtime points to a page about pictures.
    """
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
