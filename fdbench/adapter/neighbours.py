"""An adapter in a file, and the modules beside it that it imports.

::

    ~/models/parrot.py           import beak              the neighbour beak.py, whatever else is called beak
    ~/models/beak.py             from wing import flap    wing/__init__.py, and wing/flap.py where there is one
    anybody else                 import beak              as if neither file were there

A file that is loaded gets a package of its own, of which its neighbours are modules. So neither can the neighbours of two
adapters be taken for each other, nor does one that is called like an installed package hide that from anybody else. Only the
import statement in one of these files is led to it; ``importlib.import_module`` knows nothing of neighbours.

What the files import is read from their text, imports inside of functions too, before any of it runs; what runs is that text.
The hash of an adapter covers all of it, so a neighbour that changes makes another adapter.
"""

from __future__ import annotations

import ast
import builtins
import importlib
import importlib.util
import sys
import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.machinery import ModuleSpec, SourceFileLoader
from itertools import count
from pathlib import Path
from typing import Any, Final

from fdbench.errors import AdapterError
from fdbench.io.files import digest_of, sha256_of

NEVER_NEIGHBOURS: Final = ("fdbench", "__future__")
_INSTALLED: Final = frozenset({"site-packages", "dist-packages"})
_numbers = count()


def load_file(path: Path) -> tuple[types.ModuleType, str]:
    """The module in a file, with whatever of its folder it imports.

    Returns:
        The module, and the SHA-256 of its text; where it imports neighbours, a hash of all their texts and their names.

    Raises:
        AdapterError: It is no Python file.
        BaseException: Whatever the module raises.
    """
    if path.suffix != ".py":
        raise AdapterError(f"{path}: not a Python file")
    neighbourhood = _Neighbourhood(path)
    return neighbourhood.load(), neighbourhood.digest


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a module is: its file (none for a folder without ``__init__.py``), and its folder where it is a package."""

    file: Path | None
    folder: Path | None


class _Neighbourhood:
    def __init__(self, main: Path) -> None:
        self.main = main.resolve()
        self.folder = self.main.parent
        self.package = f"fdbench_adapter_{next(_numbers)}"
        self._is_installed = not _INSTALLED.isdisjoint(self.folder.parts)
        self._known: dict[tuple[str, Path], bool] = {}
        self.texts = self._gathered()

    @property
    def digest(self) -> str:
        hashes = {file.relative_to(self.folder).as_posix(): sha256_of(text) for file, text in self.texts.items()}
        return hashes[self.main.name] if len(hashes) == 1 else digest_of(hashes)

    def load(self) -> types.ModuleType:
        """Execute the main file, as a module of the package."""
        _Finder.neighbourhoods[self.package] = self
        if _Finder not in sys.meta_path:
            sys.meta_path.insert(0, _Finder)
        sys.modules[self.package] = importlib.util.module_from_spec(_package_spec(self.package, self.folder))
        name = f"{self.package}.{self.main.stem.replace('.', '-')}"
        specification = importlib.util.spec_from_file_location(name, self.main, loader=_Loader(name, self.main, self))
        assert specification is not None
        module = importlib.util.module_from_spec(specification)
        sys.modules[name] = module  # dataclasses and pickle look their module up there
        _loader_of(specification).exec_module(module)
        return module

    def spec_of(self, module: str) -> ModuleSpec:
        """How to load a module of the package, named without the package."""
        place, name = self._place(module), f"{self.package}.{module}"
        if place is None:
            raise ModuleNotFoundError(f"there is no {module} beside {self.main.name}", name=name)
        if place.file is None:
            return _package_spec(name, self.folder if place.folder is None else place.folder)
        if place.file not in self.texts:
            raise ImportError(f"{module} is imported by a name made at run time, which no hash covers: write `import {module}`")
        inside = None if place.folder is None else [str(place.folder)]
        found = importlib.util.spec_from_file_location(
            name, place.file, loader=_Loader(name, place.file, self), submodule_search_locations=inside
        )
        assert found is not None
        return found

    def is_neighbour(self, top: str, importer: Path) -> bool:
        """Whether a file that imports ``top`` means what lies in the folder."""
        key = (top, importer)
        if key not in self._known:
            self._known[key] = self._means_neighbour(top, importer)
        return self._known[key]

    def _means_neighbour(self, top: str, importer: Path) -> bool:
        place = None if self._is_installed or top in NEVER_NEIGHBOURS else _beside(self.folder, top)
        if place is None or place.file == importer:  # moshi.py that imports moshi does not mean itself
            return False
        return place.file is not None or not _is_installed(top)

    def _gathered(self) -> dict[Path, bytes]:
        """The texts of the main file and of all that it imports here, directly or not."""
        texts: dict[Path, bytes] = {}
        waiting = [("", self.main)]
        while waiting:
            package, file = waiting.pop()
            if file in texts:
                continue
            texts[file] = file.read_bytes()
            for module, is_relative in _imported(ast.parse(texts[file], str(file)), package):
                if is_relative or self.is_neighbour(module.partition(".")[0], file):
                    waiting += self._files_on_the_way_to(module)
        return texts

    def _files_on_the_way_to(self, module: str) -> Iterator[tuple[str, Path]]:
        """What importing it executes: each file, with the package that it is in."""
        parts = module.split(".")
        for n in range(1, len(parts) + 1):
            place = self._place(".".join(parts[:n]))
            if place is not None and place.file is not None:
                yield ".".join(parts[: n if place.folder else n - 1]), place.file

    def _place(self, module: str) -> _Place | None:
        place: _Place | None = _Place(None, self.folder)
        for part in module.split("."):
            place = _beside(place.folder, part) if place is not None and place.folder is not None else None
        return place


class _Finder:
    """Finds the modules of the packages of neighbours, and no others."""

    neighbourhoods: Final[dict[str, _Neighbourhood]] = {}

    @classmethod
    def find_spec(
        cls, name: str, path: Sequence[str] | None = None, target: types.ModuleType | None = None
    ) -> ModuleSpec | None:
        package, _, module = name.partition(".")
        return cls.neighbourhoods[package].spec_of(module) if package in cls.neighbourhoods and module else None


class _Loader(SourceFileLoader):
    """Executes a text that was read before, with an import statement that knows the neighbours."""

    def __init__(self, name: str, file: Path, neighbourhood: _Neighbourhood) -> None:
        super().__init__(name, str(file))
        self._file, self._neighbourhood = file, neighbourhood

    def get_code(self, fullname: str) -> types.CodeType:
        """Never from a cache, which goes by the file's time: what runs is what was hashed."""
        return self.source_to_code(self._neighbourhood.texts[self._file], str(self._file))

    def exec_module(self, module: types.ModuleType) -> None:
        # Where a module has builtins of its own, its import statements, now and later, call the __import__ among them.
        module.__dict__["__builtins__"] = {**vars(builtins), "__import__": partial(_import, self._neighbourhood, self._file)}
        super().exec_module(module)


def _import(
    neighbourhood: _Neighbourhood,
    importer: Path,
    name: str,
    globals: Mapping[str, object] | None = None,
    locals: Mapping[str, object] | None = None,
    fromlist: Sequence[str] | None = (),
    level: int = 0,
) -> Any:
    """``__import__`` for the file ``importer``."""
    top = name.partition(".")[0]
    if level or not neighbourhood.is_neighbour(top, importer):
        return builtins.__import__(name, globals, locals, fromlist or (), level)
    module = f"{neighbourhood.package}.{name}"
    if fromlist:
        return builtins.__import__(module, globals, locals, fromlist, 0)
    importlib.import_module(module)
    return sys.modules[f"{neighbourhood.package}.{top}"]


def _imported(tree: ast.Module, package: str) -> Iterator[tuple[str, bool]]:
    """The modules that a text in ``package`` may import, named from the folder, and whether it asks for them relatively."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, False) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".") if package else []
            here = parts[: len(parts) - (node.level - 1)] if node.level else []
            base = [*here, *([node.module] if node.module else [])]
            # Whether a name is a module of a package or something that the package defines, only the files can tell.
            yield from ((".".join([*base, alias.name]), node.level > 0) for alias in node.names)


def _beside(folder: Path, name: str) -> _Place | None:
    inside = folder / name
    if (inside / "__init__.py").is_file():
        return _Place(inside / "__init__.py", inside)
    if (folder / f"{name}.py").is_file():
        return _Place(folder / f"{name}.py", None)
    return _Place(None, inside) if inside.is_dir() else None


def _is_installed(top: str) -> bool:
    """Whether there is such a module elsewhere; it goes before a folder without ``__init__.py``, as always in Python."""
    try:
        found = importlib.util.find_spec(top)
    except ValueError:  # it has been imported, and does not know how
        return True
    return found is not None and found.origin is not None


def _package_spec(name: str, folder: Path) -> ModuleSpec:
    specification = ModuleSpec(name, None, is_package=True)
    specification.submodule_search_locations = [str(folder)]
    return specification


def _loader_of(specification: ModuleSpec) -> _Loader:
    assert isinstance(specification.loader, _Loader)
    return specification.loader
