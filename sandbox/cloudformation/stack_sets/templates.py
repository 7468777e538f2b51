"""What CloudFormation checks of a stack set's template and parameters before it keeps them."""

import functools
from collections.abc import Mapping
from typing import Any

import yaml
from moto.cloudformation.exceptions import CloudFormationError
from moto.cloudformation.models import Stack
from moto.cloudformation.parsing import get_model_map

from sandbox.cloudformation.stack_sets.errors import invalid

BYTES_AT_MOST = 51_200
# https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStackSet.html
NAMES = {
    "AWS::IAM::AccessKey": None,
    "AWS::IAM::Group": "GroupName",
    "AWS::IAM::InstanceProfile": "InstanceProfileName",
    "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
    "AWS::IAM::Policy": None,
    "AWS::IAM::Role": "RoleName",
    "AWS::IAM::User": "UserName",
    "AWS::IAM::UserToGroupAddition": None,
}
NESTED = "AWS::CloudFormation::Stack"

parse = functools.lru_cache(maxsize=64)(Stack.parse_template)  # moto only reads what it gives


def check(template: str, parameters: Mapping[str, str], capabilities: list[str]) -> None:
    """CloudFormation's ValidationError or InsufficientCapabilitiesException."""
    if len(template.encode()) > BYTES_AT_MOST:
        raise invalid(f"TemplateBody must have at most {BYTES_AT_MOST} bytes")
    document = _parsed(template)
    resources: Mapping[str, Any] = document["Resources"]
    _check_types(document, resources)
    _check_parameters(document.get("Parameters") or {}, parameters)
    needed = _capability(resources)
    if needed and not {needed, "CAPABILITY_NAMED_IAM"} & set(capabilities):
        raise CloudFormationError(
            "InsufficientCapabilitiesException", f"Requires capabilities : [{needed}]"
        )


def _parsed(template: str) -> Mapping[str, Any]:
    try:
        document = parse(template)
    except (yaml.YAMLError, ValueError) as error:
        raise invalid(f"Template format error: {error}") from error
    if not isinstance(document, dict) or not isinstance(document.get("Resources"), dict):
        raise invalid("Template format error: At least one Resources member must be defined.")
    return document


def _check_types(document: Mapping[str, Any], resources: Mapping[str, Any]) -> None:
    if "Transform" in document or any(one["Type"] == NESTED for one in resources.values()):
        raise invalid("A service-managed stack set takes neither nested stacks nor transforms")
    for name, resource in resources.items():
        if resource["Type"] not in get_model_map():
            raise invalid(f"The sandbox cannot make {name}: it knows no {resource['Type']}")


def _check_parameters(declared: Mapping[str, Any], given: Mapping[str, str]) -> None:
    unknown = sorted(set(given) - set(declared))
    if unknown:
        raise invalid(f"Parameters: [{', '.join(unknown)}] do not exist in the template")
    missing = [name for name, one in declared.items() if "Default" not in one and name not in given]
    if missing:
        raise invalid(f"Parameters: [{', '.join(missing)}] must have values")


def _capability(resources: Mapping[str, Any]) -> str | None:
    of_iam = [one for one in resources.values() if one["Type"] in NAMES]
    if any(NAMES[one["Type"]] in one.get("Properties", {}) for one in of_iam):
        return "CAPABILITY_NAMED_IAM"
    return "CAPABILITY_IAM" if of_iam else None
