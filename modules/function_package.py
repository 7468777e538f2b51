"""The zip file of a Lambda function: Python source only, with identical bytes in each build."""

import stat
import tempfile
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path, PurePosixPath
from zipfile import ZIP_STORED, ZipFile, ZipInfo

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that the format supports
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

# Dependencies of the finding importer that Lambda's Python runtime does not contain. All of
# Powertools would be five times as large as the rest of the zip file.
_PACKAGES = (
    "aws_lambda_powertools.exceptions",
    "aws_lambda_powertools.logging",
    "aws_lambda_powertools.metrics",
    "aws_lambda_powertools.middleware_factory",
    "aws_lambda_powertools.shared",
    "aws_lambda_powertools.tracing",
    "aws_lambda_powertools.utilities.idempotency",
    "aws_lambda_powertools.utilities.jmespath_utils",
    "aws_lambda_powertools.warnings",
    "jmespath",
)
_MODULES = (
    "aws_lambda_powertools",
    "aws_lambda_powertools.package_logger",
    "aws_lambda_powertools.utilities",
    "typing_extensions",
)


class FunctionPackageError(Exception):
    """A file that the zip file must not contain, or a source without modules."""

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
    """Write the .py files of `source` and the `extra` files (contents by name) as one package.

    `dependencies` are files by their path in the zip file, next to the package. Raises
    FunctionPackageError for a symbolic link or a native file in the source and for a native
    dependency. The destination is replaced atomically.
    """
    files = _modules(source) | _data(extra)
    if len(files) == len(extra):
        raise FunctionPackageError(source, "contains no Python module")
    packed = {f"{package}/{name}": content for name, content in files.items()}
    _write(destination, _zip_bytes(packed | _contents(dependencies)))
    return destination


def dependencies() -> dict[str, Path]:
    """Files by their path in the zip file. Raises ModuleNotFoundError."""
    files = [file for name in _PACKAGES for file in sorted(_module_file(name).parent.rglob("*.py"))]
    files += [_module_file(name) for name in _MODULES]
    return {_path_in_zip(file): file for file in files}


def _module_file(module: str) -> Path:
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"{module} is not installed; run `make setup`", name=module)
    return Path(spec.origin)


def _path_in_zip(file: Path) -> str:
    """Relative to the folder in which the top-level package is installed."""
    parts = file.parts
    return "/".join(parts[len(parts) - parts[::-1].index("site-packages") :])


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
            raise FunctionPackageError(path, "is a symbolic link; expected a regular file")
        if path.is_dir() and path.name != "__pycache__":
            yield from _files(path)
        elif path.is_file():
            yield path


def _data(extra: Mapping[str, bytes]) -> dict[str, bytes]:
    for name, content in extra.items():
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or path.suffix == ".py":
            raise FunctionPackageError(
                path,
                "is no data file: expected a relative path without .. that does not end in .py",
            )
        _refuse_native(path, content)
    return dict(extra)


def _refuse_native(path: Path | PurePosixPath, content: bytes) -> None:
    # A versioned library such as libx.so.1 has the suffix in the middle.
    if _NATIVE_SUFFIXES.intersection(path.name.lower().split(".")) or content.startswith(
        _NATIVE_MAGIC
    ):
        raise FunctionPackageError(path, "is native code; expected Python source or data")


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
    entry.compress_type = ZIP_STORED  # zlib versions compress to different bytes
    return entry


def _write(destination: Path, content: bytes) -> None:
    destination.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=destination.parent) as folder:
        unfinished = Path(folder, destination.name)
        unfinished.write_bytes(content)
        unfinished.replace(destination)
