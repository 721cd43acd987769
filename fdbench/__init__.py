"""fdbench measures when full-duplex voice models speak: pausing, taking the turn, backchannelling, yielding."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("fdbench")
except PackageNotFoundError:  # a source tree on sys.path that was never installed
    __version__ = "0.1.0+uninstalled"

__all__ = ["__version__"]
