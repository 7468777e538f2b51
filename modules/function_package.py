"""The zip of a Lambda function: pure Python, and the same bytes on every build."""

import stat
import tempfile
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path, PurePosixPath
from zipfile import ZIP_STORED, ZipFile, ZipInfo

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip can hold
_UNIX = 3
_MODE = 0o644
_NATIVE_SUFFIXES = {"so", "pyd", "dylib", "dll"}
_NATIVE_MAGIC = (
    b"\x7fELF",
    b"MZ",  # PE
    b"\xfe\xed\xfa\xce",  # Mach-O: 32 and 64 bit in either byte order, then universal
    b"\xfe\xed\xfa\xcf",
    b"\xce\xfa\xed\xfe",
    b"\xcf\xfa\xed\xfe",
    b"\xca\xfe\xba\xbe",
)


class FunctionPackageError(Exception):
    """Something that must not be in the function's zip, or nothing to put in."""

    def __init__(self, path: Path | PurePosixPath, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


def build_zip(
    source: Path,
    package: str,
    extra: Mapping[str, bytes],
    dependencies: Mapping[str, Path],
    destination: Path,
) -> Path:
    """Pack source's .py files and the extra files (name in the package to bytes) as one package.

    The dependencies stand beside it, by their paths in the zip. Raise FunctionPackageError on a
    symbolic link or a native file anywhere in the source, and on a native dependency. The
    destination is replaced in one step.
    """
    files = _modules(source) | _data(extra)
    if len(files) == len(extra):
        raise FunctionPackageError(source, "holds no Python module")
    packed = {f"{package}/{name}": content for name, content in files.items()}
    _write(destination, _zip_bytes(packed | _contents(dependencies)))
    return destination


def _contents(dependencies: Mapping[str, Path]) -> dict[str, bytes]:
    contents = {name: path.read_bytes() for name, path in dependencies.items()}
    for name, content in contents.items():
        _refuse_native(PurePosixPath(name), content)
    return contents


def _modules(source: Path) -> dict[str, bytes]:
    contents = {path: path.read_bytes() for path in _files(source)}
    for path, content in contents.items():
        _refuse_native(path, content)
    return {
        path.relative_to(source).as_posix(): content
        for path, content in contents.items()
        if path.suffix == ".py"
    }


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.is_symlink():
            raise FunctionPackageError(path, "is a symbolic link; the zip holds real files only")
        if path.is_dir() and path.name != "__pycache__":
            yield from _files(path)
        elif path.is_file():
            yield path


def _data(extra: Mapping[str, bytes]) -> dict[str, bytes]:
    for name, content in extra.items():
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or path.suffix == ".py":
            raise FunctionPackageError(path, "a data file is named within the package, not as .py")
        _refuse_native(path, content)
    return dict(extra)


def _refuse_native(path: Path | PurePosixPath, content: bytes) -> None:
    # A versioned library such as libx.so.1 has its suffix in the middle.
    if _NATIVE_SUFFIXES.intersection(path.name.lower().split(".")) or content.startswith(
        _NATIVE_MAGIC
    ):
        raise FunctionPackageError(path, "is native code; the function is pure Python")


def _zip_bytes(files: Mapping[str, bytes]) -> bytes:
    buffer = BytesIO()
    with ZipFile(buffer, "w") as archive:
        for name in sorted(files):
            archive.writestr(_entry(name), files[name])
    return buffer.getvalue()


def _entry(name: str) -> ZipInfo:
    entry = ZipInfo(name, date_time=_EPOCH)
    entry.create_system = _UNIX
    entry.external_attr = (stat.S_IFREG | _MODE) << 16
    entry.compress_type = ZIP_STORED  # compressed bytes would differ between builds of zlib
    return entry


def _write(destination: Path, content: bytes) -> None:
    destination.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=destination.parent) as folder:
        unfinished = Path(folder, destination.name)
        unfinished.write_bytes(content)
        unfinished.replace(destination)
