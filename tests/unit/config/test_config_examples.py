"""The files in `config/`: the schema is documented, and the examples are complete and valid."""

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator

import config
from config.loader import load, parse
from config.settings import (
    Accounts,
    DetectionChoice,
    LocalState,
    Notifications,
    Organization,
    Retention,
    S3State,
    SecurityHub,
    Settings,
    StackSet,
    Trail,
)
from config.validation import schema, with_defaults

FOLDER = Path(config.__file__).parent
COMPLETE: dict[str, Any] = yaml.safe_load((FOLDER / "complete.yaml").read_text("utf-8"))
MINIMAL: dict[str, Any] = yaml.safe_load((FOLDER / "minimal.yaml").read_text("utf-8"))
NO_SCHEMAS = {"if", "default", "enum", "required", "examples", "const"}
# Keywords of JSON Schema that a value can violate in this schema.
CHECKS = {
    "type", "enum", "pattern", "minLength", "maxLength", "minimum", "maximum", "minItems",
    "maxItems", "uniqueItems", "minProperties", "maxProperties",
}  # fmt: skip


def settings(document: dict[str, Any]) -> Settings:
    return parse(yaml.safe_dump(document), Path("rootwatch.yaml"))


def test_the_minimal_configuration_gets_the_defaults() -> None:
    assert load(FOLDER / "minimal.yaml") == Settings(
        partition="aws",
        home_region="us-east-1",
        organization=Organization(id="o-exampleorgid", targets=("r-exam",), excluded_accounts=()),
        accounts=Accounts(
            management="111111111111", log_archive="222222222222", security="333333333333"
        ),
        deployment_role="OrganizationAccountAccessRole",
        notifications=Notifications(
            emails=("security@example.com",),
            low_priority_emails=("security@example.com",),
            runbook_base_url=None,
        ),
        detections=DetectionChoice(packs=(), overrides=()),
        name_prefix="rootwatch",
        tags=(),
        protect=True,
        trail=Trail(
            managed=True,
            name="rootwatch-organization-trail",
            log_group="/rootwatch/organization-trail",
            bucket="rootwatch-trail-222222222222-us-east-1",
        ),
        stack_set=StackSet(
            retain_stacks_on_account_removal=False,
            failure_tolerance_percentage=10,
            max_concurrent_percentage=100,
        ),
        retention=Retention(log_group_days=365, bucket_days=2555),
        security_hub=SecurityHub(managed=True, configuration="central", linked_regions="none"),
        state=LocalState(),
    )


def test_the_minimal_configuration_has_only_required_keys() -> None:
    assert set(MINIMAL) == set(schema()["required"])


def test_the_complete_configuration_has_every_key() -> None:
    loaded = load(FOLDER / "complete.yaml")

    assert set(COMPLETE) == set(schema()["properties"])
    assert loaded.tags == tuple(sorted(COMPLETE["tags"].items()))
    assert dataclasses.asdict(loaded.retention) == COMPLETE["retention"]
    assert loaded.name_prefix == COMPLETE["name_prefix"]


def in_the_comments(key: str) -> dict[str, Any]:
    """The block of a top-level key in a comment of the complete configuration."""
    text = (FOLDER / "complete.yaml").read_text("utf-8")
    [block] = re.findall(rf"^# {key}:\n(?:#   .*\n?)+", text, re.MULTILINE)
    return dict(yaml.safe_load(re.sub(r"^# ", "", block, flags=re.MULTILINE)))


def test_the_existing_trail_in_a_comment_is_valid_with_every_key() -> None:
    document = COMPLETE | in_the_comments("trail")

    assert set(document["trail"]) == set(schema()["$defs"]["existing_trail"]["properties"])
    assert dataclasses.asdict(settings(document).trail) == document["trail"]


def test_the_s3_state_in_a_comment_is_valid_with_every_key() -> None:
    document = COMPLETE | in_the_comments("state")

    assert set(document["state"]) == set(schema()["$defs"]["s3_state"]["properties"])
    assert settings(document).state == S3State(
        bucket="example-terraform-state",
        region="us-east-1",
        key_prefix="rootwatch",
        kms_key_id="alias/terraform-state",
    )


def test_the_defaults_are_valid_and_complete() -> None:
    filled = with_defaults(MINIMAL)

    assert with_defaults(filled) == filled
    assert settings(filled) == settings(MINIMAL)


def subschemas(node: Any, place: str = "#") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema in the schema, except conditions and values."""
    if isinstance(node, dict):
        yield place, node
    entries = node.items() if isinstance(node, dict) else enumerate(node)
    for key, child in entries:
        if isinstance(child, dict | list) and key not in NO_SCHEMAS:
            yield from subschemas(child, f"{place}/{key}")


def test_the_schema_is_valid() -> None:
    Draft202012Validator.check_schema(schema())


def test_every_part_of_the_schema_that_can_be_violated_has_an_expected_value() -> None:
    """In its own words, or by keywords that an error message lists."""
    checking = [
        (place, part)
        for place, part in subschemas(schema())
        if not place.endswith("/properties")
        and (CHECKS & part.keys() or part.get("additionalProperties") is False)
    ]
    silent = [
        place
        for place, part in checking
        if not {"expected", "enum", "properties"} & part.keys()
        and part.get("type") not in {"boolean", "integer"}
    ]

    assert len(checking) > 20
    assert silent == []


def documented_keys(node: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every key of the configuration with its schema; a variant follows its section."""
    for place, part in subschemas(node):
        if place.endswith("/properties") and "/allOf/" not in place:
            yield from ((f"{path}{place}/{name}", child) for name, child in part.items())


def test_every_key_has_a_description_and_every_value_valid_examples() -> None:
    """`managed` and `backend` are described in their section, not in its variants."""
    keys = [
        (place, part)
        for place, part in documented_keys(schema())
        if not (place.startswith("#/$defs/") and place.endswith(("/managed", "/backend")))
    ]

    assert len(keys) > 40
    for place, part in keys:
        resolved = {"$defs": schema()["$defs"], "properties": schema()["properties"], **part}
        assert part.get("description") or "$ref" in part, place
        if "properties" in part or "additionalProperties" in part or part.keys() == {"$ref"}:
            continue
        assert part["examples"], place
        for example in part["examples"]:
            assert Draft202012Validator(resolved).is_valid(example), (place, example)
        assert not ("default" in part and part["default"] is None)
