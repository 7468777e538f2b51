"""`rootwatch detections list | match | render`: what it prints, and its exit statuses."""

import gzip
import json
import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import pytest
import yaml

from cli.progress import LARGE_BYTES
from compiler import catalog
from compiler.cloudwatch import metric_pattern
from compiler.predicate import predicate
from compiler.samples import read_samples
from operations.detections import TARGETS, ruleset
from tests.unit.cli import runner
from tests.unit.compiler.evaluation import RULE, SHIPPED

ROOT = Path(catalog.__file__).parents[1]
CATALOG = {detection.name: detection for detection in SHIPPED}
SAMPLES = [
    (detection, sample)
    for detection in CATALOG.values()
    for sample in read_samples(detection.folder)
]
FIELDS = {
    "id",
    "name",
    "title",
    "level",
    "priority",
    "evaluated_by",
    "pack",
    "tags",
    "compliance",
}
ROOT_ACTIVITY = CATALOG["root_activity"]


class Result:
    def __init__(self, arguments: Sequence[str], stdin: bytes = b"") -> None:
        result = runner.run("detections", *arguments, stdin=stdin)
        self.status = result.exit_code
        self.stdout, self.stderr = result.stdout, result.stderr

    @property
    def answers(self) -> list[Any]:
        return [json.loads(line) for line in self.stdout.splitlines()]


def text_of(records: Sequence[Any]) -> bytes:
    return "".join(f"{json.dumps(record)}\n" for record in records).encode()


def records_of(name: str, *, matches: bool) -> list[dict[str, Any]]:
    samples = read_samples(CATALOG[name].folder)
    return [sample.record for sample in samples if sample.matches is matches]


def written(folder: Path, name: str, rule: dict[str, Any]) -> str:
    path = folder / name
    path.write_text(yaml.safe_dump(rule), encoding="utf-8")
    return str(path)


class TestMatch:
    def test_prints_one_line_for_each_record_in_the_order_of_the_input(self) -> None:
        records = [
            *records_of("root_console_login_without_mfa", matches=False),
            *records_of("root_console_login_without_mfa", matches=True),
        ]

        result = Result(["match"], text_of(records))

        assert (result.status, result.stderr) == (0, "")
        assert [answer["eventID"] for answer in result.answers] == [
            record["eventID"] for record in records
        ]

    def test_matches_what_the_samples_expect(self) -> None:
        result = Result(["match", "-"], text_of([sample.record for _, sample in SAMPLES]))

        expected = [sample.matches for _, sample in SAMPLES]
        lines = list(zip(SAMPLES, result.answers, strict=True))
        assert [one.id in line["detections"] for (one, _), line in lines] == expected
        assert [one.name in line["names"] for (one, _), line in lines] == expected

    def test_reads_records_in_eventbridge_events(self) -> None:
        record = records_of("root_activity", matches=True)[0]
        envelope = {"version": "0", "detail-type": "AWS API Call via CloudTrail", "detail": record}

        assert Result(["match"], text_of([envelope])).stdout == (
            Result(["match"], text_of([record])).stdout
        )

    def test_a_line_is_one_json_object(self) -> None:
        result = Result(["match"], b'{"eventID": "\\"\\u00e9\\ud800"}\n{"eventID": ""}\n')

        assert result.stdout == (
            '{"eventID": "\\"\\u00e9\\ud800", "detections": [], "names": []}\n'
            '{"eventID": "", "detections": [], "names": []}\n'
        )

    def test_reads_files_compressed_or_not(self, tmp_path: Path) -> None:
        text = json.dumps({"Records": records_of("root_activity", matches=True)}).encode()
        plain, packed = tmp_path / "plain", tmp_path / "packed"
        plain.write_bytes(text)
        packed.write_bytes(gzip.compress(text))

        results = [Result(["match", str(path)]) for path in (plain, packed)]

        assert results[0].stdout == results[1].stdout
        assert all(ROOT_ACTIVITY.id in answer["detections"] for answer in results[0].answers)

    def test_lists_unreadable_records_and_exits_with_1(self) -> None:
        result = Result(["match"], b'{"eventID": "a"}\nrubbish\n{"eventID": "b"}\n{}\n')

        assert [answer["eventID"] for answer in result.answers] == ["a", "b"]
        assert result.stderr == (
            "standard input: line 2: invalid JSON: expecting value, byte 0 of the value\n"
            "standard input: line 4: eventID: missing, expected a string\n"
        )
        assert result.status == 1

    def test_an_empty_file_has_no_output(self, tmp_path: Path) -> None:
        path = tmp_path / "empty"
        path.touch()

        result = Result(["match", str(path)])

        assert (result.stdout, result.stderr, result.status) == ("", "", 0)

    def test_matches_the_readable_part_of_a_truncated_gzip_file(self, tmp_path: Path) -> None:
        path = tmp_path / "cut.gz"
        path.write_bytes(gzip.compress(b'{"eventID": "a"}\n' * 3)[:-8])

        result = Result(["match", str(path)])

        assert len(result.answers) == 3
        assert result.stderr == f"{path}: the gzip stream is truncated\n"
        assert result.status == 1

    def test_several_files_and_standard_input_are_read_in_their_order(self, tmp_path: Path) -> None:
        first, second = tmp_path / "first", tmp_path / "second"
        first.write_bytes(b'{"eventID": "a"}\n')
        second.write_bytes(b'{"eventID": "c"}\n')

        result = Result(["match", str(first), "-", str(second)], b'{"eventID": "b"}\n')

        assert [answer["eventID"] for answer in result.answers] == ["a", "b", "c"]
        assert (result.stderr, result.status) == ("", 0)

    def test_files_after_one_that_cannot_be_read_are_read(self, tmp_path: Path) -> None:
        path = tmp_path / "records"
        path.write_bytes(b'{"eventID": "a"}\n')

        result = Result(["match", str(tmp_path / "none"), str(path)])

        assert [answer["eventID"] for answer in result.answers] == ["a"]
        assert (result.stderr.count("\n"), result.status) == (1, 1)

    def test_files_none_of_which_can_be_read_exit_with_2(self, tmp_path: Path) -> None:
        result = Result(["match", str(tmp_path / "none"), str(tmp_path)])

        assert (result.stderr.count("\n"), result.status) == (2, 2)

    def test_the_text_output_has_the_names(self) -> None:
        record = records_of("root_activity", matches=True)[0] | {"eventID": "a"}

        result = Result(["match", "--output", "text"], text_of([record, {"eventID": "b"}]))

        first, second = result.stdout.splitlines()
        assert first.startswith("a  ")
        assert "root_activity" in first.removeprefix("a  ").split(", ")
        assert second == "b  -"

    def test_a_missing_file_is_an_error(self, tmp_path: Path) -> None:
        path = tmp_path / "none"

        result = Result(["match", str(path)])

        assert result.stderr == f"{path}: cannot be read: No such file or directory\n"
        assert (result.stdout, result.status) == ("", 2)

    def test_a_folder_is_an_error(self, tmp_path: Path) -> None:
        result = Result(["match", str(tmp_path)])

        assert result.stderr == f"{tmp_path}: cannot be read: Is a directory\n"
        assert (result.stdout, result.status) == ("", 2)

    def test_another_encoding_is_an_error(self) -> None:
        result = Result(["match"], '\ufeff{"eventID": "a"}'.encode("utf-16-le"))

        assert result.stderr == "standard input: got UTF-16, expected UTF-8\n"
        assert (result.stdout, result.status) == ("", 2)

    def test_a_rule_needs_no_rootwatch_section(self, tmp_path: Path) -> None:
        folder = tmp_path / "adopted"
        folder.mkdir()
        written(folder, "rule.yml", {key: RULE[key] for key in RULE if key != "rootwatch"})

        rules = ruleset(catalog.load(tmp_path))

        assert [one.id for one in rules.matching({"eventName": "DeleteTrail"})] == [RULE["id"]]
        assert rules.matching({"eventName": "CreateTrail"}) == ()

    def test_no_detections_match_nothing(self) -> None:
        assert ruleset(()).matching({"eventID": "a"}) == ()


class TestRender:
    @pytest.mark.parametrize("given", [ROOT_ACTIVITY.name, ROOT_ACTIVITY.id])
    def test_one_detection_for_one_target_is_printed_alone(self, given: str) -> None:
        pattern = Result(["render", given, "--target", "cloudwatch"])
        carried = Result(["render", given, "--target", "importer"])

        assert pattern.stdout == f"{metric_pattern(ROOT_ACTIVITY)}\n"
        assert json.loads(carried.stdout) == predicate(ROOT_ACTIVITY.condition)
        assert pattern.status == carried.status == 0

    def test_several_targets_have_headings(self) -> None:
        result = Result(["render", "root_activity"])

        texts = {target: render(ROOT_ACTIVITY) for target, render in TARGETS.items()}
        assert result.stdout == "".join(
            f"# root_activity: {target}\n{text}\n\n" for target, text in texts.items()
        )

    def test_all_are_printed_by_default(self) -> None:
        result = Result(["render", "--target", "importer"])

        headings = [line for line in result.stdout.splitlines() if line.startswith("#")]
        assert headings == [f"# {name}: importer" for name in CATALOG]
        assert result.status == 0

    def test_a_rule_file_is_rendered(self, tmp_path: Path) -> None:
        rule = {
            "title": "Any",
            "logsource": {"product": "aws", "service": "cloudtrail"},
            "detection": {"selection": {"eventName|cased": "Any"}, "condition": "selection"},
        }

        result = Result(["render", written(tmp_path, "any.yml", rule), "--target", "cloudwatch"])

        assert (result.stdout, result.status) == ('{ $.eventName = "Any" }\n', 0)

    def test_a_detections_folder_is_rendered_as_its_rule(self) -> None:
        by_folder = Result(["render", str(ROOT_ACTIVITY.folder), "--target", "importer"])

        assert json.loads(by_folder.stdout) == predicate(ROOT_ACTIVITY.condition)

    def test_an_unsupported_target_is_an_error_and_the_others_are_printed(
        self, tmp_path: Path
    ) -> None:
        rule = {**RULE, "detection": {"selection": {"name|re": "(a)"}, "condition": "selection"}}

        result = Result(["render", written(tmp_path, "regex.yml", rule)])

        assert "# regex: importer\n" in result.stdout
        assert "# regex: cloudwatch\n" not in result.stdout
        assert result.stderr.startswith("cloudwatch: detection regex: name: ")
        assert result.status == 1

    def test_an_unsupported_rule_is_an_error(self, tmp_path: Path) -> None:
        rule = {**RULE, "logsource": {"product": "windows"}}

        result = Result(["render", written(tmp_path, "other.yml", rule)])

        assert result.stderr == (
            "detection other: logsource: got product windows, service None,"
            " expected product aws, service cloudtrail\n"
        )
        assert (result.stdout, result.status) == ("", 1)

    def test_an_unknown_name_is_an_error_that_suggests_the_nearest_one(self) -> None:
        result = Result(["render", "root_activty"])

        assert result.stderr == (
            "got root_activty, expected a detection's name, a rule ID or the path of a rule file;"
            " did you mean root_activity?\n"
        )
        assert (result.stdout, result.status) == ("", 2)


class TestList:
    def test_the_table_has_a_line_for_each_detection_within_80_columns(self) -> None:
        header, *lines = Result(["list"]).stdout.splitlines()

        assert header.split() == ["Name", "Level", "Priority", "Alarm", "Finding"]
        assert [line.split()[:3] for line in lines] == [
            [one.name, one.level, one.priority] for one in CATALOG.values()
        ]
        assert max(map(len, [header, *lines])) <= 80

    def test_the_json_output_has_an_object_for_each_detection(self) -> None:
        entries = json.loads(Result(["list", "--output", "json"]).stdout)

        assert [entry["name"] for entry in entries] == list(CATALOG)
        assert entries[0].keys() == FIELDS
        assert {(entry["id"], entry["pack"]) for entry in entries} == {
            (one.id, one.pack) for one in CATALOG.values()
        }


@pytest.fixture
def configured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Any]:
    """A configuration without packs and without one detection, whose names are its own."""
    config: dict[str, Any] = yaml.safe_load((ROOT / "config/minimal.yaml").read_text("utf-8"))
    config["name_prefix"] = "lookout"
    config["detections"] = {"overrides": {"root_activity": {"enabled": False}}}
    monkeypatch.setenv("ROOTWATCH_CONFIG", written(tmp_path, "config.yaml", config))
    return config


class TestSamples:
    def test_the_json_output_is_what_match_reads(self) -> None:
        detection = CATALOG["root_activity"]
        printed = runner.run("detections", "samples", detection.name, "--output", "json")
        matched = runner.run("detections", "match", stdin=printed.stdout_bytes)
        lines = [json.loads(line) for line in matched.stdout.splitlines()]

        assert [detection.name in line["names"] for line in lines] == [
            sample.matches for sample in read_samples(detection.folder)
        ]

    def test_the_table_has_each_case_with_its_expected_result(self) -> None:
        folder = CATALOG["root_activity"].folder
        lines = runner.run("detections", "samples", folder.name).stdout.splitlines()

        for sample in read_samples(folder):
            expected = "match" if sample.matches else "no match"
            assert any(line.split()[:1] == [sample.name] and expected in line for line in lines)

    def test_an_unknown_name_is_an_error(self) -> None:
        result = runner.run("detections", "samples", "nope")

        assert (result.exit_code, result.stdout) == (2, "")
        assert result.stderr.startswith("DETECTION: got nope, expected a name of")


class TestEnabled:
    @pytest.mark.usefixtures("configured")
    def test_only_what_the_configuration_enables_is_listed(self) -> None:
        entries = json.loads(Result(["list", "--enabled", "--output", "json"]).stdout)

        alone = [one.name for one in CATALOG.values() if one.pack is None]
        assert [entry["name"] for entry in entries] == [
            name for name in alone if name != "root_activity"
        ]

    @pytest.mark.usefixtures("configured")
    def test_only_what_the_configuration_enables_matches(self) -> None:
        records = text_of(records_of("root_activity", matches=True)[:1])

        every, enabled = Result(["match"], records), Result(["match", "--enabled"], records)

        assert ROOT_ACTIVITY.id in every.answers[0]["detections"]
        assert ROOT_ACTIVITY.id not in enabled.answers[0]["detections"]

    @pytest.mark.usefixtures("configured")
    def test_renderings_have_the_names_of_the_configuration(self) -> None:
        arguments = ["render", "pipeline_trail_tampering", "--target", "cloudwatch"]

        assert "rootwatch-" in Result(arguments).stdout
        assert "lookout-" in Result([*arguments, "--enabled"]).stdout

    @pytest.mark.parametrize("command", ["match", "render", "list"])
    def test_a_missing_configuration_is_an_error(
        self, command: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("ROOTWATCH_CONFIG", str(tmp_path / "none.yaml"))

        result = Result([command, "--enabled"])

        assert result.stderr.startswith(f"{tmp_path / 'none.yaml'}: does not exist")
        assert (result.stdout, result.status) == ("", 2)

    def test_an_unknown_detection_in_the_configuration_is_an_error(
        self, configured: dict[str, Any], tmp_path: Path
    ) -> None:
        configured["detections"]["overrides"] = {"root_activty": {"enabled": False}}
        written(tmp_path, "config.yaml", configured)

        result = Result(["list", "--enabled"])

        assert "root_activty" in result.stderr
        assert (result.stdout, result.status) == ("", 2)


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["match", "--help"], "JSON lines"),
        (["render", "--help"], "--target"),
        (["list", "--help"], "<table|json>"),
    ],
)
def test_help_documents_input_options_and_exit_statuses(arguments: list[str], part: str) -> None:
    result = Result(arguments)

    assert result.status == 0
    assert part in result.stdout


@pytest.mark.parametrize("arguments", [["find"], ["render", "--target", "waf"], ["list", "a"]])
def test_wrong_arguments_are_one_line_and_exit_with_2(arguments: list[str]) -> None:
    result = Result(arguments)

    assert (result.status, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert result.stderr.startswith("rootwatch detections")
    assert " --help`" in result.stderr


@pytest.fixture
def _interruptible() -> Iterator[None]:
    """A shell may start tests in the background with SIGINT ignored, which children inherit."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def on_a_terminal(path: Path, output: Path) -> str:
    """What a terminal shows as standard error while `match` reads the file."""
    terminal, end = os.openpty()
    with output.open("wb") as stdout, started("match", str(path), stdout=stdout, stderr=end):
        os.close(end)
        shown = b""
        while part := _read(terminal):
            shown += part
    os.close(terminal)
    return shown.decode()


def _read(terminal: int) -> bytes:
    """Empty where no process has the other end open, which Linux reports as an error."""
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""


def started(
    *arguments: str, stdout: int | IO[bytes] = subprocess.PIPE, stderr: int = subprocess.PIPE
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603  The command is ours.
        [ROOT / "rootwatch", "detections", *arguments],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=stdout,
        stderr=stderr,
    )


class TestProcess:
    def test_prints_each_record_while_the_input_is_open(self) -> None:
        with started("match") as process:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(b'{"eventID": "a"}\n')
            process.stdin.flush()
            answer = json.loads(process.stdout.readline())
            process.stdin.close()
            status = process.wait()

        assert answer == {"eventID": "a", "detections": [], "names": []}
        assert status == 0

    def test_a_terminal_shows_the_progress_of_large_input(self, tmp_path: Path) -> None:
        small, large = tmp_path / "small", tmp_path / "large"
        small.write_bytes(b'{"eventID": "a"}\n')
        large.write_bytes(b'{"eventID": "a"}\n' + b"\n" * LARGE_BYTES)

        assert on_a_terminal(small, tmp_path / "output") == ""
        assert "Reading" in on_a_terminal(large, tmp_path / "output")
        assert json.loads((tmp_path / "output").read_bytes())["eventID"] == "a"

    def test_a_closed_pipe_ends_it_without_a_message(self) -> None:
        with started("match") as process:
            assert process.stdin is not None
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdout.close()
            process.stdin.write(b'{"eventID": "a"}\n')
            process.stdin.close()
            complaint = process.stderr.read()
            status = process.wait()

        assert complaint == b""
        assert status == -signal.SIGPIPE

    @pytest.mark.usefixtures("_interruptible")
    def test_an_interrupt_ends_it_without_a_message(self) -> None:
        with started("match") as process:
            assert process.stdin is not None
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdin.write(b'{"eventID": "a"}\n')
            process.stdin.flush()
            process.stdout.readline()
            process.send_signal(signal.SIGINT)
            complaint = process.stderr.read()
            status = process.wait()

        assert complaint == b""
        assert status == 130
