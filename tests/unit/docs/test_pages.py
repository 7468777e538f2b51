"""The pages for readers: their commands parse, their links resolve, their examples are valid."""

import re
import shlex
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import botocore.session
import pytest
import typer
import yaml
from botocore import xform_name
from botocore.model import ServiceModel

from cli.app import app
from config.loader import load
from docs.generate import ROOT

PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted(ROOT.glob("docs/**/*.md")),
    *sorted(ROOT.glob("detections/**/*.md")),
    *sorted(ROOT.glob("sandbox/*.md")),
]
SERVICES = {"s3api": "s3"}  # where the AWS CLI names a service differently
CUSTOM = {("cloudtrail", "validate-logs"), ("configure", "set"), ("s3", "sync")}  # of the CLI alone
GLOBAL_OPTIONS = {"no-paginate", "output", "profile", "query", "region"}
OPERATORS = set("();<>|&\n")
KEYWORDS = {"do", "done", "then", "while"}
MINIMAL = ROOT / "config" / "minimal.yaml"

each_page = pytest.mark.parametrize(
    "page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix()
)


def blocks(page: Path, language: str) -> list[str]:
    fence = re.compile(rf"^( *)```{language}\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
    return [block for _, block in fence.findall(page.read_text("utf-8"))]


def commands(text: str) -> Iterator[list[str]]:
    """The simple commands of a shell script, each as its words."""
    script = re.sub(r"(^| +)# .*$", "", text.replace("\\\n", " "), flags=re.MULTILINE)
    lexer = shlex.shlex(script, posix=True, punctuation_chars="();<>|&\n")
    lexer.whitespace, lexer.whitespace_split, lexer.commenters = " \t", True, ""
    for is_operator, words in groupby(lexer, lambda word: set(word) <= OPERATORS):
        if not is_operator:
            yield [word for word in words if word not in KEYWORDS]


def command_lines(page: Path, program: str) -> list[list[str]]:
    return [
        words[words.index(program) :]
        for block in blocks(page, "sh")
        for words in commands(block)
        if program in words
    ]


@each_page
def test_the_aws_commands_match_the_models(page: Path) -> None:
    for _, service, operation, *words in command_lines(page, "aws"):
        problem = (service, operation) not in CUSTOM and _problem(service, operation, words)
        assert not problem, f"aws {service} {operation} {' '.join(words)}: {problem}"


def _problem(service: str, operation: str, words: list[str]) -> str | None:
    model = _model(SERVICES.get(service, service))
    names = {xform_name(name, "-"): name for name in model.operation_names}
    if operation not in names:
        return f"{service} has no operation {operation}"
    shape = model.operation_model(names[operation]).input_shape
    members = {xform_name(name, "-"): name for name in shape.members} if shape else {}
    options = {word.removeprefix("--") for word in words if word.startswith("--")}
    options = {
        option.removeprefix("no-") if option.removeprefix("no-") in members else option
        for option in options
    }
    if unknown := options - set(members) - GLOBAL_OPTIONS:
        return f"unknown options {sorted(unknown)}"
    required = {xform_name(name, "-") for name in (shape.required_members if shape else [])}
    if absent := required - options:
        return f"absent options {sorted(absent)}"
    return None


def _model(service: str) -> ServiceModel:
    return botocore.session.get_session().get_service_model(service)


def test_a_wrong_command_is_found() -> None:
    assert _problem("sqs", "get-queue", []) == "sqs has no operation get-queue"
    assert _problem("sqs", "get-queue-url", ["--queue", "a"]) == "unknown options ['queue']"
    assert _problem("sqs", "get-queue-url", ["--output", "text"]) == "absent options ['queue-name']"
    assert _problem("sqs", "get-queue-url", ["--queue-name", "a"]) is None


@each_page
def test_the_rootwatch_commands_exist(page: Path) -> None:
    root = typer.main.get_command(app)
    for words in command_lines(page, "./rootwatch"):
        command, arguments = root, words[1:]
        while arguments and hasattr(command, "commands") and arguments[0] in command.commands:
            command, *arguments = command.commands[arguments[0]], *arguments[1:]
        options = {option for parameter in command.params for option in parameter.opts} | {"--help"}
        assert not hasattr(command, "commands") or arguments[:1] == ["--help"], words
        assert {word for word in arguments if word.startswith("-") and word != "-"} <= options, (
            words
        )


@each_page
def test_the_make_targets_exist(page: Path) -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))

    assert {words[1] for words in command_lines(page, "make")} <= targets


@each_page
def test_the_links_resolve(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        if target.startswith(("https://", "mailto:")):
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), target
        assert not anchor or anchor in _anchors(linked), target


def _anchors(page: Path) -> set[str]:
    """As GitHub makes them of headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in headings}


@pytest.mark.parametrize("name", ["README.md", "docs/deploying.md", "docs/configuration.md"])
def test_the_configuration_examples_are_valid(name: str, tmp_path: Path) -> None:
    examples = blocks(ROOT / name, "yaml")
    for number, example in enumerate(examples):
        config = yaml.safe_load(MINIMAL.read_text("utf-8")) | yaml.safe_load(example)
        path = tmp_path / f"{number}.yaml"
        path.write_text(yaml.safe_dump(config), "utf-8")
        load(path)

    assert examples
