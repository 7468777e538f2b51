"""The zip file of a function: identical bytes in each build, and Python source only."""

import os
import stat
from pathlib import Path
from zipfile import ZipFile

import pytest

from modules.function_package import FunctionPackageError, build_zip

EXTRA = {"detections.json": b"[]"}


def tree(folder: Path, *, time: int, umask: int = 0o644) -> Path:
    """A package whose files have this time and these permissions."""
    (folder / "sub" / "__pycache__").mkdir(parents=True)
    for name in (
        "handler.py",
        "__init__.py",
        "sub/deep.py",
        "sub/__pycache__/deep.pyc",
        "readme.md",
    ):
        path = folder / name
        path.write_bytes(f"# {name}\n".encode())
        path.chmod(umask)
        os.utime(path, (time, time))
    return folder


def test_two_builds_have_equal_bytes(tmp_path: Path) -> None:
    one = tree(tmp_path / "one", time=1_000_000_000)
    two = tree(tmp_path / "deep" / "two", time=1_700_000_000, umask=0o600)

    first = build_zip(one, "importer", EXTRA, {}, tmp_path / "first.zip")
    second = build_zip(two, "importer", EXTRA, {}, tmp_path / "new" / "second.zip")

    assert first.read_bytes() == second.read_bytes()


def test_the_zip_file_contains_only_modules_and_declared_data(tmp_path: Path) -> None:
    built = build_zip(tree(tmp_path / "s", time=0), "importer", EXTRA, {}, tmp_path / "f.zip")

    with ZipFile(built) as archive:
        assert archive.namelist() == [
            "importer/__init__.py",
            "importer/detections.json",
            "importer/handler.py",
            "importer/sub/deep.py",
        ]
        assert archive.read("importer/detections.json") == b"[]"
        assert {stat.S_IMODE(one.external_attr >> 16) for one in archive.infolist()} == {0o644}
        assert {one.date_time for one in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_dependencies_are_next_to_the_package_at_their_paths(tmp_path: Path) -> None:
    library = tree(tmp_path / "library", time=0)
    files = {"library/deep.py": library / "sub" / "deep.py", "single.py": library / "handler.py"}
    source = tree(tmp_path / "s", time=0)

    with ZipFile(build_zip(source, "importer", {}, files, tmp_path / "f.zip")) as archive:
        assert {"library/deep.py", "single.py", "importer/handler.py"} <= set(archive.namelist())
        assert archive.read("library/deep.py") == b"# sub/deep.py\n"


def test_a_native_dependency_is_an_error_with_its_path_in_the_zip_file(tmp_path: Path) -> None:
    source = tree(tmp_path / "s", time=0)
    native = tmp_path / "library.py"
    native.write_bytes(b"\x7fELF\x02\x01")

    with pytest.raises(FunctionPackageError, match="native code") as caught:
        build_zip(source, "importer", EXTRA, {"library/fast.py": native}, tmp_path / "f.zip")

    assert str(caught.value.path) == "library/fast.py"


def test_changed_content_changes_the_bytes(tmp_path: Path) -> None:
    source = tree(tmp_path / "s", time=0)
    before = build_zip(source, "importer", EXTRA, {}, tmp_path / "f.zip").read_bytes()
    (source / "handler.py").write_text("# changed\n")

    assert build_zip(source, "importer", EXTRA, {}, tmp_path / "f.zip").read_bytes() != before


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("fast.so", b""),
        ("fast.cpython-313-aarch64-linux-gnu.so", b""),
        ("libfast.so.1", b""),
        ("fast.PYD", b""),
        ("sub/fast.dylib", b""),
        ("fast.dll", b""),
        ("innocent.txt", b"\x7fELF\x02\x01"),
        ("innocent.py", b"\x7fELF\x02\x01"),
        ("innocent", b"MZ\x90\x00"),
        ("innocent.bin", b"\xcf\xfa\xed\xfe\x07"),
    ],
)
def test_a_native_file_is_an_error_with_its_path(tmp_path: Path, name: str, content: bytes) -> None:
    source = tree(tmp_path / "s", time=0)
    (source / name).write_bytes(content)

    with pytest.raises(FunctionPackageError, match="native code") as caught:
        build_zip(source, "importer", EXTRA, {}, tmp_path / "f.zip")

    assert caught.value.path == source / name
    assert not (tmp_path / "f.zip").exists()


@pytest.mark.parametrize("target", ["handler.py", "sub", "nowhere"])
def test_a_symbolic_link_is_an_error_with_its_path(tmp_path: Path, target: str) -> None:
    source = tree(tmp_path / "s", time=0)
    (source / "link.py").symlink_to(source / target)

    with pytest.raises(FunctionPackageError, match=r"link\.py: is a symbolic link"):
        build_zip(source, "importer", EXTRA, {}, tmp_path / "f.zip")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("../escape.json", b""),
        ("/absolute.json", b""),
        ("handler.py", b""),
        ("data.json", b"\x7fELF"),
    ],
)
def test_a_data_file_outside_of_the_package_or_with_code_is_an_error(
    tmp_path: Path, name: str, content: bytes
) -> None:
    with pytest.raises(FunctionPackageError):
        build_zip(tree(tmp_path / "s", time=0), "importer", {name: content}, {}, tmp_path / "f.zip")


def test_a_source_without_modules_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()

    with pytest.raises(FunctionPackageError, match="no Python module"):
        build_zip(tmp_path / "empty", "importer", EXTRA, {}, tmp_path / "f.zip")


def test_a_failed_build_keeps_the_earlier_zip_file_and_leaves_no_other(tmp_path: Path) -> None:
    source = tree(tmp_path / "s", time=0)
    before = build_zip(source, "importer", EXTRA, {}, tmp_path / "out" / "f.zip").read_bytes()
    (source / "fast.so").touch()

    with pytest.raises(FunctionPackageError):
        build_zip(source, "importer", EXTRA, {}, tmp_path / "out" / "f.zip")

    assert [path.name for path in (tmp_path / "out").iterdir()] == ["f.zip"]
    assert (tmp_path / "out" / "f.zip").read_bytes() == before
