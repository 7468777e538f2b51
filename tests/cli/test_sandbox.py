"""`rootwatch sandbox` with a running sandbox: one process for each signal that stops it."""

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import boto3
import pytest

from cli.output import ROOT
from cli.sandbox import Kind
from sandbox.client import SIGN_INS
from sandbox.organizations.organization import ACCOUNTS, MANAGEMENT, MEMBERS
from sandbox.tests.resources import REGION, service, trusting, zipped
from tests.unit.cli.runner import run

STOP_SECONDS = 20  # generous: the machine may be busy
SIGNALS = (signal.SIGTERM, signal.SIGINT)
PROCESS_ID = "import os\ndef handler(event, context):\n    return os.getpid()"


@dataclass(frozen=True)
class Running:
    process: subprocess.Popen[str]
    output: list[str]

    @property
    def exports(self) -> dict[str, str]:
        lines = [line.removeprefix("export ") for line in self.output if line.startswith("export ")]
        return dict(line.split("=", 1) for line in lines)


def begin(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603  our command
        [ROOT / "rootwatch", "sandbox", "up", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )


def printed(process: subprocess.Popen[str]) -> list[str]:
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line.rstrip("\n"))
        if line.startswith("export AWS_DEFAULT_REGION="):
            break
    return lines


@pytest.fixture(scope="module")
def running() -> Iterator[dict[signal.Signals, Running]]:
    """Two of them, each to be ended by another signal; they begin side by side."""
    processes = {number: begin() for number in SIGNALS}
    yield {number: Running(process, printed(process)) for number, process in processes.items()}
    for process in processes.values():
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


@pytest.fixture
def up(running: dict[signal.Signals, Running], monkeypatch: pytest.MonkeyPatch) -> Running:
    """One that runs, with its exports in the environment."""
    one = running[signal.SIGTERM]
    for name, value in one.exports.items():
        monkeypatch.setenv(name, value)
    return one


def test_up_prints_its_endpoint_accounts_and_environment(up: Running) -> None:
    endpoint = up.exports["AWS_ENDPOINT_URL"]

    text = "\n".join(up.output)
    assert up.output[0] == f"# A local AWS Organization at {endpoint}"
    assert endpoint.startswith("http://127.0.0.1:")
    assert all(account.id in text for account in ACCOUNTS)
    assert set(up.exports) == {
        "AWS_ENDPOINT_URL",
        "SANDBOX_TOKEN",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_REGION",
        "AWS_DEFAULT_REGION",
    }


def test_up_prints_conditions_that_are_not_ideal(up: Running) -> None:
    process = begin("--conditions", "worst", "--seed", "7")
    output = printed(process)
    process.terminate()
    process.communicate()

    assert "#   conditions    worst, seed 7" in output
    assert not any("conditions" in line for line in up.output)


@pytest.mark.usefixtures("up")
def test_the_exports_are_all_that_a_client_needs() -> None:
    identity = boto3.client("sts").get_caller_identity()

    assert identity["Account"] == MANAGEMENT.id


@pytest.mark.usefixtures("up")
def test_a_sign_in_is_recorded_by_the_trails() -> None:
    result = run("sandbox", "sign-in", MEMBERS[0].id, "--kind", "single-sign-on")

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.endswith(": recorded by 0 trails\n")


@pytest.mark.usefixtures("up")
def test_mails_are_printed() -> None:
    before = run("sandbox", "mails")
    sns = boto3.client("sns")
    topic = sns.create_topic(Name="topic")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="ana@example.com")

    text, document = run("sandbox", "mails"), run("sandbox", "mails", "--output", "json")

    assert (before.exit_code, before.stdout) == (0, "")
    assert "To: ana@example.com\nSubject: AWS Notification" in text.stdout
    assert [mail["to"] for mail in json.loads(document.stdout)] == ["ana@example.com"]


@pytest.mark.usefixtures("up")
def test_a_sign_in_to_an_unknown_account_is_one_clear_line() -> None:
    result = run("sandbox", "sign-in", "999999999999")

    assert result.exit_code == 1
    assert result.stderr == (
        "recipientAccountId: got 999999999999, expected an active account of the organization\n"
    )


@pytest.mark.parametrize("command", [["sign-in", MEMBERS[0].id], ["mails"], ["confirm"]])
@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL", "SANDBOX_TOKEN"])
def test_without_the_environment_of_a_sandbox_the_error_says_how_to_get_it(
    command: list[str], variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "nowhere")
    monkeypatch.setenv("SANDBOX_TOKEN", "any")
    monkeypatch.delenv(variable)

    result = run("sandbox", *command)

    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert result.stderr.startswith(f"{variable} is not set: run `rootwatch sandbox up`")


@pytest.mark.parametrize("command", [["sign-in", MEMBERS[0].id], ["mails"], ["confirm"]])
def test_an_endpoint_that_does_not_respond_is_one_line(
    command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "nowhere")
    monkeypatch.setenv("SANDBOX_TOKEN", "any")

    result = run("sandbox", *command)

    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert result.stderr.startswith("no sandbox responds at nowhere: ")


def test_every_kind_of_sign_in_can_be_chosen() -> None:
    assert [str(kind) for kind in Kind] == list(SIGN_INS)


def function_process(exports: dict[str, str]) -> int:
    """The id of a process that the sandbox started: a function in the management account."""
    keys = {
        "region_name": REGION,
        "endpoint_url": exports["AWS_ENDPOINT_URL"],
        "aws_access_key_id": exports["AWS_ACCESS_KEY_ID"],
        "aws_secret_access_key": exports["AWS_SECRET_ACCESS_KEY"],
    }
    iam, functions = boto3.client("iam", **keys), boto3.client("lambda", **keys)
    trust = trusting(service("lambda"))
    role = iam.create_role(RoleName="function", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    functions.create_function(
        FunctionName="function",
        Runtime="python3.13",
        Role=role,
        Handler="function.handler",
        Code={"ZipFile": zipped(PROCESS_ID)},
    )
    return int(json.load(functions.invoke(FunctionName="function")["Payload"]))


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_ends_it_and_all_of_its_processes(
    running: dict[signal.Signals, Running], number: signal.Signals
) -> None:
    one = running[number]
    child = function_process(one.exports)
    os.kill(child, 0)

    one.process.send_signal(number)

    assert one.process.wait(STOP_SECONDS) == 0
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


LOCK = ROOT / ".terraform.lock.hcl"
PIN = ROOT / "toolchain" / "pin-provider.sh"
SNAPSHOTS = ROOT / "tests" / "synth" / "snapshots"
REQUIRED = {"aws": {"source": "aws", "version": "5.100.0"}}


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    """A synthesized stack that only requires the provider."""
    folder = tmp_path / "stacks" / "trail"
    folder.mkdir(parents=True)
    document = {"terraform": {"required_providers": REQUIRED}}
    (folder / "cdk.tf.json").write_text(json.dumps(document), encoding="utf-8")
    return folder


def pin(stack: Path, system: str) -> None:
    """Run it on the machine that `uname` names."""
    programs = stack.parents[1] / "programs"
    programs.mkdir()
    uname = programs / "uname"
    uname.write_text(
        f'#!/bin/sh\nset -- {system} "$1"\n[ "$3" = -s ] && echo "$1" || echo "$2"\n',
        encoding="utf-8",
    )
    uname.chmod(0o755)
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
    subprocess.run([PIN, stack.parents[1]], env=environment, check=True)  # noqa: S603  ours


def init(stack: Path) -> subprocess.CompletedProcess[str]:
    """Without a CLI configuration, as in a shell where nothing is activated."""
    environment = {**os.environ, "TF_CLI_CONFIG_FILE": os.devnull, "CHECKPOINT_DISABLE": "1"}
    return subprocess.run(
        ["terraform", "init", "-no-color", "-input=false"],  # noqa: S607  as found on the PATH
        cwd=stack,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )


def test_a_deployment_verifies_the_checksum(stack: Path) -> None:
    pin(stack, "Linux x86_64")

    result = init(stack)

    assert result.returncode == 0, result.stderr
    assert (stack / ".terraform.lock.hcl").read_text("utf-8") == LOCK.read_text("utf-8")


def test_a_wrong_checksum_fails_the_deployment(stack: Path) -> None:
    pin(stack, "Linux x86_64")
    lock = re.sub('"h1:.{43}=', f'"h1:{"A" * 43}=', LOCK.read_text("utf-8"))
    (stack / ".terraform.lock.hcl").write_text(lock, encoding="utf-8")

    result = init(stack)

    assert result.returncode == 1
    assert "doesn't match any of the\nchecksums" in result.stderr


def test_other_platforms_have_no_checksum_to_verify(stack: Path) -> None:
    pin(stack, "Darwin arm64")

    assert not (stack / ".terraform.lock.hcl").exists()


def test_the_lock_file_has_the_version_that_the_stacks_require() -> None:
    """With another version `cdktf deploy` would upgrade, and ignore the checksum."""
    locked = dict(
        re.findall(r'^ *(version|constraints) += "(.*)"', LOCK.read_text("utf-8"), re.MULTILINE)
    )

    for snapshot in SNAPSHOTS.glob("*.json"):
        terraform = json.loads(snapshot.read_text("utf-8"))["terraform"]
        assert terraform["required_providers"] == REQUIRED
    assert set(locked.values()) == {REQUIRED["aws"]["version"]}
