"""Config files that are no config at all, and what the messages say."""

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
                "accounts.management (line 8): given 011111111111;"
                ' allowed: twelve digits in quotes, like "111111111111";'
                ' write it in quotes: "011111111111"'
            ),
        ),
        (
            edited("[security@example.com]", "[security@example.com, nobody]"),
            (
                "notifications.emails[1] (line 14): given nobody;"
                " allowed: an e-mail address, like security@example.com"
            ),
        ),
        (
            edited("  security:", "  sekurity:"),
            (
                'accounts.sekurity (line 10): given "333333333333"; allowed: only the keys'
                " management, log_archive, security (the accounts that play a part);"
                " did you mean security?"
            ),
        ),
        (
            edited("  security:", "  sekurity:"),
            (
                "accounts.security (line 8): missing; needed: the number of the account that"
                " alarms and collects findings, twelve digits in quotes"
            ),
        ),
        (
            MINIMAL + "partition: aws-eu",
            (
                "partition (line 15): given aws-eu; allowed: the AWS partition of the organization:"
                " one of aws, aws-us-gov, aws-cn"
            ),
        ),
        (
            MINIMAL + "tags: {public: no}",
            (
                "tags.public (line 15): given no; allowed: a tag value: at most 256"
                ' letters, digits, spaces or _.:/=+-@; write it in quotes: "no"'
            ),
        ),
        (
            MINIMAL + "tags: {aws:team: security}",
            (
                'tags["aws:team"] (line 15): given the key "aws:team"; allowed: a tag key: 1 to 128'
                " letters, digits, spaces or _.:/=+-@, not beginning with aws:"
            ),
        ),
        (
            MINIMAL + 'retention: {bucket_days: "3650"}',
            (
                'retention.bucket_days (line 15): given "3650"; allowed: days in the trail\'s'
                " bucket, a whole number from 90 to 36500; write it without quotes"
            ),
        ),
        (
            MINIMAL + "state: {backend: s3, region: us-east-1}",
            (
                "state.bucket (line 15): missing; needed: the name of a bucket that exists: 3 to 63"
                " lowercase letters, digits, hyphens or dots, a letter or digit first and last"
            ),
        ),
        (
            MINIMAL + "state: {backend: local, bucket: example-state}",
            (
                "state.bucket (line 15): given example-state; allowed: only the key backend"
                " (backend: local; bucket, region, key_prefix and kms_key_id belong to backend: s3)"
            ),
        ),
        (
            MINIMAL + "retention:",
            (
                "retention (line 15): given nothing; allowed: how long events are kept:"
                " a mapping with the keys log_group_days, bucket_days"
            ),
        ),
    ],
)
def test_a_problem_says_where_what_and_what_would_be_right(text: str, line: str) -> None:
    assert f"  {line}" in str(failure(text)).splitlines()


def test_a_long_value_is_quoted_shortened() -> None:
    [problem] = failure(edited("us-east-1", "x" * 500)).problems

    assert problem.value == "x" * 59 + "…"


def test_a_repeated_key_is_refused_beside_all_other_problems() -> None:
    error = failure(edited("  security:", '  management: "4"\n  security:') + "tags: {a: b, a: c}")
    told = [(problem.key, problem.line, problem.value) for problem in error.problems]

    assert told == [
        ("accounts.management", 10, '"4"'),  # repeated
        ("accounts.management", 10, '"4"'),  # and not twelve digits
        ("tags.a", 16, "c"),
    ]
    assert error.problems[0].allowed == "each key once; the first stands on line 8"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is empty; start with a copy of config/minimal.yaml"),
        ("# nothing yet\n", "is empty"),
        ("---\n", "is empty"),
        ("- home_region", "is a list at the top level; allowed: a mapping"),
        ("us-east-1", "is a single value at the top level; allowed: a mapping"),
        ("a: b: c", "is not valid YAML: line 1, column 5: mapping values are not allowed here"),
        ("a: 1\n\tb: 2", "line 2, column 1: while scanning for the next token"),
        ("a: 'b", "line 1, column 6: while scanning a quoted scalar"),
        ("a: 1\n---\na: 2", "line 2, column 1: expected a single document in the stream"),
        ("a: 1\nb: \0", "line 2, column 4: special characters are not allowed"),
        ("a: *b", "line 1, column 4: found undefined alias"),
        ("? [a]\n: b", "line 1, column 3: a key must be plain text"),
        ("a: !!int x", "line 1, column 4: 'x' is no int"),
        ("a: !!python/name:os.system", "line 1, column 4: could not determine a constructor"),
        ("[" * 1000, "is nested too deeply"),
    ],
)
def test_what_is_no_mapping_in_yaml_is_refused_with_the_place(text: str, reason: str) -> None:
    error = failure(text)

    assert str(error).startswith(f"{FILE}: ")
    assert reason in str(error)
    assert error.problems == ()


def test_dates_and_keys_stay_the_text_they_are() -> None:
    settings = parse(MINIMAL + "tags: {since: 2024-02-31, on: x, 007: y}", FILE)

    assert settings.tags == (("007", "y"), ("on", "x"), ("since", "2024-02-31"))


def test_an_alias_stands_for_its_value() -> None:
    text = edited('"111111111111"', '&one "111111111111"').replace('"222222222222"', "*one")

    assert parse(text, FILE).accounts.log_archive == "111111111111"


@given(st.text() | st.text(alphabet="ab:-[]{}&*!?|>'\"\n #,<"))
def test_whatever_the_text_it_is_no_config(text: str) -> None:
    assert failure(text).path == FILE


def test_a_missing_file_says_how_to_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "rootwatch.yaml")

    assert str(caught.value) == (
        f"{tmp_path}/rootwatch.yaml: does not exist; start with"
        " `cp config/minimal.yaml config/rootwatch.yaml` and edit the copy,"
        " or name another file in the environment variable ROOTWATCH_CONFIG"
    )


def test_a_folder_is_no_config(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is a folder"):
        load(tmp_path)


def test_a_path_through_a_file_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(ConfigError, match="cannot be read: Not a directory"):
        load(tmp_path / "file" / "rootwatch.yaml")


def test_another_encoding_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rootwatch.yaml"
    path.write_bytes(MINIMAL.encode("utf-16"))

    with pytest.raises(ConfigError, match=r"is not UTF-8 \(byte 1\)"):
        load(path)


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(tmp_path: Path) -> None:
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
def test_the_path_counts_from_the_root_folder(environ: dict[str, str], path: str) -> None:
    assert settings_path(environ, Path("/project")) == Path(path)


def test_the_management_account_cannot_administer_security_hub() -> None:
    [problem] = failure(edited('security: "333333333333"', 'security: "111111111111"')).problems

    assert (problem.key, problem.value) == ("security_hub.managed", "true")
    assert problem.allowed.startswith("false where the security account is the management account")


def test_one_account_may_play_all_parts_where_security_hub_is_managed_elsewhere() -> None:
    text = edited("managed: true", "managed: false")
    for number in ("222222222222", "333333333333"):
        text = text.replace(number, "111111111111")

    accounts = parse(text, FILE).accounts

    assert {accounts.management, accounts.log_archive, accounts.security} == {"111111111111"}
