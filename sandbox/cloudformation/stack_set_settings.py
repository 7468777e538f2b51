"""The settings of a service-managed stack set: template, parameters, automatic deployment.

https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStackSet.html
"""

import functools
from collections.abc import Mapping
from typing import Any

import yaml
from moto.cloudformation.exceptions import CloudFormationError, ValidationError
from moto.cloudformation.models import Stack, StackSet
from moto.cloudformation.parsing import get_model_map
from moto.cloudformation.responses import CloudFormationResponse

from sandbox.organizations.organization import MANAGEMENT, PARTITION

ADMINISTRATION_ROLE = (
    f"arn:{PARTITION}:iam::{MANAGEMENT.id}:role/aws-service-role/"
    "stacksets.cloudformation.amazonaws.com/AWSServiceRoleForCloudFormationStackSetsOrgAdmin"
)
INACTIVE = {"Active": False}


def managed_execution(stack_set: StackSet) -> Mapping[str, bool]:
    """Moto always returns an inactive one."""
    kept: Mapping[str, bool] = vars(stack_set).get("execution", INACTIVE)
    return kept


def settings_of(
    request: Mapping[str, Any], response: CloudFormationResponse, before: StackSet | None
) -> dict[str, Any]:
    """The attributes of moto's stack set after CreateStackSet or UpdateStackSet.

    Moto keeps neither capabilities nor automatic deployment, and another role.
    Raises ValidationError or InsufficientCapabilitiesException.
    """
    for role in ("AdministrationRoleARN", "ExecutionRoleName"):
        if request.get(role):
            raise ValidationError(
                message=f"{role} is not supported for the SERVICE_MANAGED permission model"
            )
    template, parameters = _template(request, response, before), _parameters(request, before)
    capabilities, execution = request.get("Capabilities") or [], request.get("ManagedExecution")
    auto_deployment = _auto_deployment(request, before)
    _check_template(template, parameters, capabilities)
    return {
        "template": template,
        "parameters": parameters,
        "capabilities": capabilities,
        "auto_deployment": auto_deployment,
        "execution": execution or (managed_execution(before) if before else INACTIVE),
        "administration_role_arn": ADMINISTRATION_ROLE,
    }


def overrides_of(request: Mapping[str, Any], stack_set: StackSet) -> dict[str, str] | None:
    """The parameter overrides of an operation on instances; None without any."""
    given = request.get("ParameterOverrides")
    if given is None:
        return None
    declared = parse(stack_set.template).get("Parameters") or {}
    for one in given:
        if one["ParameterKey"] not in declared:
            raise ValidationError(
                message=f"Parameters: [{one['ParameterKey']}] do not exist in the template"
            )
        if one.get("UsePreviousValue"):
            raise ValidationError(
                message="The sandbox does not support UsePreviousValue in ParameterOverrides"
            )
    return {one["ParameterKey"]: one["ParameterValue"] for one in given}


def _template(
    request: Mapping[str, Any], response: CloudFormationResponse, before: StackSet | None
) -> str:
    body, url = request.get("TemplateBody"), request.get("TemplateURL")
    previous = before.template if before and request.get("UsePreviousTemplate") else None
    if sum(1 for one in (body, url, previous) if one) != 1:
        raise ValidationError(
            message="Exactly one of TemplateBody or TemplateUrl must be specified"
        )
    fetched = response._get_stack_from_s3_url(url) if url else None  # noqa: SLF001  moto has no public method
    return str(body or fetched or previous)


def _parameters(request: Mapping[str, Any], before: StackSet | None) -> dict[str, str]:
    known = before.parameters if before else {}
    given = request.get("Parameters")
    if given is None:
        return dict(known)
    return {
        one["ParameterKey"]: known[one["ParameterKey"]]
        if one.get("UsePreviousValue")
        else one["ParameterValue"]
        for one in given
    }


def _auto_deployment(request: Mapping[str, Any], before: StackSet | None) -> dict[str, bool]:
    given = request.get("AutoDeployment")
    if given is None and before:
        kept: dict[str, bool] = vars(before)["auto_deployment"]
        return kept
    if not given or "Enabled" not in given:
        raise ValidationError(
            message="AutoDeployment must be specified for the SERVICE_MANAGED permission model"
        )
    if given["Enabled"] != ("RetainStacksOnAccountRemoval" in given):
        raise ValidationError(
            message="RetainStacksOnAccountRemoval must be specified if AutoDeployment is enabled, "
            "and cannot be if it is not"
        )
    return dict(given)


MAX_TEMPLATE_BYTES = 51_200
# The types that require a capability, and the property with the name.
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

parse = functools.lru_cache(maxsize=64)(Stack.parse_template)  # moto does not change the result


def _check_template(template: str, parameters: Mapping[str, str], capabilities: list[str]) -> None:
    """Raises ValidationError or InsufficientCapabilitiesException."""
    if len(template.encode()) > MAX_TEMPLATE_BYTES:
        raise ValidationError(message=f"TemplateBody must have at most {MAX_TEMPLATE_BYTES} bytes")
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
        raise ValidationError(message=f"Template format error: {error}") from error
    if not isinstance(document, dict) or not isinstance(document.get("Resources"), dict):
        raise ValidationError(
            message="Template format error: At least one Resources member must be defined."
        )
    return document


def _check_types(document: Mapping[str, Any], resources: Mapping[str, Any]) -> None:
    if "Transform" in document or any(one["Type"] == NESTED for one in resources.values()):
        raise ValidationError(
            message="Service-managed stack sets support neither nested stacks nor transforms"
        )
    for name, resource in resources.items():
        if resource["Type"] not in get_model_map():
            raise ValidationError(
                message=f"{name}: the sandbox does not support {resource['Type']}"
            )


def _check_parameters(declared: Mapping[str, Any], given: Mapping[str, str]) -> None:
    unknown = sorted(set(given) - set(declared))
    if unknown:
        raise ValidationError(
            message=f"Parameters: [{', '.join(unknown)}] do not exist in the template"
        )
    missing = [name for name, one in declared.items() if "Default" not in one and name not in given]
    if missing:
        raise ValidationError(message=f"Parameters: [{', '.join(missing)}] must have values")


def _capability(resources: Mapping[str, Any]) -> str | None:
    of_iam = [one for one in resources.values() if one["Type"] in NAMES]
    if any(NAMES[one["Type"]] in one.get("Properties", {}) for one in of_iam):
        return "CAPABILITY_NAMED_IAM"
    return "CAPABILITY_IAM" if of_iam else None
