"""Files that are no configuration, and the error messages."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import config
from config.errors import ConfigError
from config.loader import load, parse, settings_path

FILE = Path("config/rootwatch.yaml")
MINIMAL = (Path(config.__file__).parent / "minimal.yaml").read_text("utf-8")


def failure(text: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        parse(text, FILE)
    return caught.value


def edited(old: str, new: str) -> str:
    assert old in MINIMAL
    return MINIMAL.replace(old, new)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            edited('"111111111111"', "011111111111"),
            (
                "accounts.management (line 8): got 011111111111, expected 12 digits in quotes,"
                ' for example "111111111111"; write it in quotes: "011111111111"'
            ),
        ),
        (
            edited("[security@example.com]", "[security@example.com, nobody]"),
            (
                "notifications.emails[1] (line 14): got nobody,"
                " expected an email address, for example security@example.com"
            ),
        ),
        (
            edited("  security:", "  sekurity:"),
            (
                "accounts.sekurity (line 10): got an unknown key, expected one of"
                " management, log_archive, security; did you mean security?"
            ),
        ),
        (
            edited("  security:", "  sekurity:"),
            (
                "accounts.security (line 8): missing, expected 12 digits in quotes,"
                ' for example "111111111111"'
            ),
        ),
        (
            MINIMAL + "partition: aws-eu",
            "partition (line 15): got aws-eu, expected one of aws, aws-us-gov, aws-cn",
        ),
        (
            MINIMAL + "tags: {public: no}",
            (
                "tags.public (line 15): got no, expected a tag value: at most 256"
                ' letters, digits, spaces or _.:/=+-@; write it in quotes: "no"'
            ),
        ),
        (
            MINIMAL + "tags: {aws:team: security}",
            (
                'tags["aws:team"] (line 15): got the key "aws:team", expected a tag key: 1 to 128'
                " letters, digits, spaces or _.:/=+-@, without the prefix aws:"
            ),
        ),
        (
            MINIMAL + 'retention: {bucket_days: "3650"}',
            (
                'retention.bucket_days (line 15): got "3650", expected an integer from 90 to'
                " 36500; write it without quotes"
            ),
        ),
        (
            MINIMAL + 'retention: {log_group_days: "30"}',
            (
                'retention.log_group_days (line 15): got "30", expected one of 1, 3, 5, 7, 14, 30,'
                " 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288,"
                " 3653; write it without quotes"
            ),
        ),
        (
            MINIMAL + "state: {backend: s3, region: us-east-1}",
            (
                "state.bucket (line 15): missing, expected the name of a bucket: 3 to 63"
                " lowercase letters, digits, hyphens or dots, starting and ending with a letter or"
                " digit"
            ),
        ),
        (
            MINIMAL + "state: {backend: local, bucket: example-state}",
            (
                "state.bucket (line 15): got an unknown key, expected only the key backend;"
                " bucket, region, key_prefix and kms_key_id require backend: s3"
            ),
        ),
        (
            MINIMAL + "retention:",
            (
                "retention (line 15): got null, expected a mapping with the keys"
                " log_group_days, bucket_days"
            ),
        ),
        (
            edited("managed: true", "managed: yes please"),
            "security_hub.managed (line 12): got yes please, expected true or false",
        ),
    ],
)
def test_a_problem_has_the_key_the_line_the_value_and_the_expected_value(
    text: str, line: str
) -> None:
    assert f"  {line}" in str(failure(text)).splitlines()


def test_a_long_value_is_shortened() -> None:
    [problem] = failure(edited("us-east-1", "x" * 500)).problems

    assert problem.value == "x" * 59 + "…"


def test_a_repeated_key_is_a_problem_among_others() -> None:
    error = failure(edited("  security:", '  management: "4"\n  security:') + "tags: {a: b, a: c}")
    found = [(problem.key, problem.line, problem.value) for problem in error.problems]

    assert found == [
        ("accounts.management", 10, '"4"'),  # repeated
        ("accounts.management", 10, '"4"'),  # and not 12 digits
        ("tags.a", 16, "c"),
    ]
    assert error.problems[0].expected == "each key once; line 8 has it, too"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is empty, expected a mapping; start with a copy of config/minimal.yaml"),
        ("# nothing yet\n", "is empty"),
        ("---\n", "is empty"),
        ("- home_region", "got a list at the top level, expected a mapping"),
        ("us-east-1", "got a single value at the top level, expected a mapping"),
        ("a: b: c", "is not valid YAML: line 1, column 5: mapping values are not allowed here"),
        ("a: 1\n\tb: 2", "line 2, column 1: while scanning for the next token"),
        ("a: 'b", "line 1, column 6: while scanning a quoted scalar"),
        ("a: 1\n---\na: 2", "line 2, column 1: expected a single document in the stream"),
        ("a: 1\nb: \0", "line 2, column 4: special characters are not allowed"),
        ("a: *b", "line 1, column 4: found undefined alias"),
        ("? [a]\n: b", "line 1, column 3: expected plain text as the key"),
        ("a: !!int x", "line 1, column 4: got 'x', expected int"),
        ("a: !!python/name:os.system", "line 1, column 4: could not determine a constructor"),
        ("[" * 1000, "is nested too deeply"),
    ],
)
def test_a_text_that_is_no_mapping_is_an_error_with_its_position(text: str, reason: str) -> None:
    error = failure(text)

    assert str(error).startswith(f"{FILE}: ")
    assert reason in str(error)
    assert error.problems == ()


def test_dates_and_keys_are_text() -> None:
    settings = parse(MINIMAL + "tags: {since: 2024-02-31, on: x, 007: y}", FILE)

    assert settings.tags == (("007", "y"), ("on", "x"), ("since", "2024-02-31"))


def test_an_alias_has_the_value_of_its_anchor() -> None:
    text = edited('"111111111111"', '&one "111111111111"').replace('"222222222222"', "*one")

    assert parse(text, FILE).accounts.log_archive == "111111111111"


@given(st.text() | st.text(alphabet="ab:-[]{}&*!?|>'\"\n #,<"))
def test_any_other_text_is_a_config_error(text: str) -> None:
    assert failure(text).path == FILE


def test_a_missing_file_is_an_error_with_the_first_step(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "rootwatch.yaml")

    assert str(caught.value) == (
        f"{tmp_path}/rootwatch.yaml: does not exist; start with"
        " `cp config/minimal.yaml config/rootwatch.yaml` and edit the copy,"
        " or set the environment variable ROOTWATCH_CONFIG to the path of another file"
    )


def test_a_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is a folder"):
        load(tmp_path)


def test_a_path_through_a_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(ConfigError, match="cannot be read: Not a directory"):
        load(tmp_path / "file" / "rootwatch.yaml")


def test_another_encoding_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "rootwatch.yaml"
    path.write_bytes(MINIMAL.encode("utf-16"))

    with pytest.raises(ConfigError, match="got another encoding at byte 1, expected UTF-8"):
        load(path)


def test_a_byte_order_mark_and_windows_line_ends_are_accepted(tmp_path: Path) -> None:
    path = tmp_path / "rootwatch.yaml"
    path.write_bytes(MINIMAL.replace("\n", "\r\n").encode("utf-8-sig"))

    assert load(path) == parse(MINIMAL, FILE)


@pytest.mark.parametrize(
    ("environ", "path"),
    [
        ({}, "/project/config/rootwatch.yaml"),
        ({"ROOTWATCH_CONFIG": ""}, "/project/config/rootwatch.yaml"),
        ({"ROOTWATCH_CONFIG": "config/complete.yaml"}, "/project/config/complete.yaml"),
        ({"ROOTWATCH_CONFIG": "/etc/rootwatch.yaml"}, "/etc/rootwatch.yaml"),
    ],
)
def test_a_relative_path_starts_at_the_root_folder(environ: dict[str, str], path: str) -> None:
    assert settings_path(environ, Path("/project")) == Path(path)


def test_the_management_account_cannot_administer_security_hub() -> None:
    [problem] = failure(edited('security: "333333333333"', 'security: "111111111111"')).problems

    assert (problem.key, problem.value) == ("security_hub.managed", "true")
    assert problem.expected.startswith("false, because the security account is the")


def test_one_account_can_have_all_roles_if_security_hub_is_not_managed() -> None:
    text = edited("managed: true", "managed: false")
    for number in ("222222222222", "333333333333"):
        text = text.replace(number, "111111111111")

    accounts = parse(text, FILE).accounts

    assert {accounts.management, accounts.log_archive, accounts.security} == {"111111111111"}
