"""The launcher `rootwatch`, copied beside a Makefile and a Python that only record their calls."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PYTHON = """#!/bin/sh
echo "$0 $* in $PWD with $PYTHONPATH"
"""
MAKEFILE = """
.PHONY: python node
python node:
\t@mkdir -p .venv/bin build && cp fake-python .venv/bin/python && touch build/$@.done
\t@echo "make $@"
"""
OLD, NEW = 1_000_000_000, 1_000_000_100


class Project:
    def __init__(self, root: Path) -> None:
        self.root = root
        for name in ("Pipfile", "Pipfile.lock", "package.json", "package-lock.json", ".npmrc"):
            self.write(name, "", OLD)
        self.write("Makefile", MAKEFILE, OLD)
        self.write("fake-python", PYTHON, OLD).chmod(0o755)
        self.write("node_modules/.bin/cdktf", '#!/bin/sh\necho "cdktf $*"\n', OLD).chmod(0o755)
        shutil.copy(ROOT / "rootwatch", root)

    def write(self, name: str, text: str, seconds: int) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        os.utime(path, (seconds, seconds))
        return path

    def run(
        self,
        *arguments: str,
        command: Path | None = None,
        folder: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603  our command
            [command or self.root / "rootwatch", *arguments],
            cwd=folder or self.root,
            env={"PATH": os.environ["PATH"], **(environment or {})},
            check=True,
            capture_output=True,
            text=True,
        )


@pytest.fixture
def project(tmp_path: Path) -> Project:
    root = tmp_path / "project"
    root.mkdir()
    return Project(root)


def call_of(python: Path, arguments: str, folder: Path, root: Path) -> str:
    return f"{python} -P -m cli {arguments} in {folder} with {root}\n"


def test_the_first_use_sets_up_and_later_uses_do_not(project: Project) -> None:
    python = project.root / ".venv/bin/python"

    first, second = project.run("detections", "list"), project.run("detections", "list")

    assert first.stdout == call_of(python, "detections list", project.root, project.root)
    assert first.stderr == "make python\n"
    assert (second.stdout, second.stderr) == (first.stdout, "")


@pytest.mark.parametrize("changed", ["Pipfile", "Pipfile.lock"])
def test_changed_requirements_are_installed(project: Project, changed: str) -> None:
    project.run("detections")
    os.utime(project.root / "build/python.done", (OLD, OLD))
    project.write(changed, "", NEW)

    assert project.run("detections").stderr == "make python\n"
    assert project.run("detections").stderr == ""


def test_a_removed_environment_is_installed_again(project: Project) -> None:
    project.run("detections")
    shutil.rmtree(project.root / ".venv")

    assert project.run("detections").stderr == "make python\n"


def test_only_commands_that_deploy_need_node(project: Project) -> None:
    assert project.run("demo").stderr == "make python\nmake node\n"
    assert project.run("demo").stderr == ""
    assert project.run("cdktf", "deploy", "*").stdout == "cdktf deploy *\n"


def test_it_works_in_any_folder_and_through_symbolic_links(
    project: Project, tmp_path: Path
) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "links").mkdir()
    absolute, relative = tmp_path / "links/absolute", tmp_path / "bin/rootwatch"
    absolute.symlink_to(project.root / "rootwatch")
    relative.symlink_to("../links/absolute")

    result = project.run("detections", "a b", command=relative, folder=tmp_path)

    python = project.root / ".venv/bin/python"
    assert result.stdout == call_of(python, "detections a b", tmp_path, project.root)


def test_it_works_by_its_name_alone(project: Project) -> None:
    path = f"{project.root}:{os.environ['PATH']}"

    result = project.run("a", command=Path("rootwatch"), environment={"PATH": path})

    assert result.stdout.startswith(str(project.root / ".venv/bin/python"))


def test_under_pipenv_run_the_environment_of_pipenv_is_used(project: Project) -> None:
    shutil.rmtree(project.root / ".venv", ignore_errors=True)
    project.write("pipenvs/one/bin/python", PYTHON, OLD).chmod(0o755)
    virtual = project.root / "pipenvs/one"

    result = project.run(
        "a",
        environment={"PIPENV_PROJECT_DIR": str(project.root), "VIRTUAL_ENV": str(virtual)},
    )

    assert result.stdout == call_of(virtual / "bin/python", "a", project.root, project.root)
    assert result.stderr == ""


def test_the_environment_of_another_project_is_not_used(project: Project, tmp_path: Path) -> None:
    other = {"PIPENV_PROJECT_DIR": str(tmp_path), "VIRTUAL_ENV": str(tmp_path)}

    assert project.run("a", environment=other).stdout.startswith(str(project.root))
