"""What a service-managed stack set is told to be: template, parameters, automatic deployment.

https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStackSet.html
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from moto.cloudformation.models import StackSet
from moto.cloudformation.responses import CloudFormationResponse

from sandbox.cloudformation.stack_sets import templates
from sandbox.cloudformation.stack_sets.errors import invalid
from sandbox.organizations.organization import MANAGEMENT, PARTITION

ADMINISTRATION_ROLE = (
    f"arn:{PARTITION}:iam::{MANAGEMENT.id}:role/aws-service-role/"
    "stacksets.cloudformation.amazonaws.com/AWSServiceRoleForCloudFormationStackSetsOrgAdmin"
)


INACTIVE = {"Active": False}


def managed_execution(stack_set: StackSet) -> Mapping[str, bool]:
    """Moto's own is never active."""
    kept: Mapping[str, bool] = vars(stack_set).get("execution", INACTIVE)
    return kept


@dataclass(frozen=True, slots=True)
class Settings:
    template: str
    parameters: Mapping[str, str]
    capabilities: list[str]
    auto_deployment: Mapping[str, bool]
    managed_execution: Mapping[str, bool]

    def keep(self, stack_set: StackSet) -> None:
        """Moto keeps neither capabilities nor automatic deployment, and another role."""
        vars(stack_set).update(
            template=self.template,
            parameters=dict(self.parameters),
            capabilities=self.capabilities,
            auto_deployment=self.auto_deployment,
            execution=self.managed_execution,
            administration_role_arn=ADMINISTRATION_ROLE,
        )


def settings_of(
    request: Mapping[str, Any], response: CloudFormationResponse, before: StackSet | None
) -> Settings:
    """Those of a request to create or, with what there is before it, update a stack set.

    CloudFormation's ValidationError or InsufficientCapabilitiesException.
    """
    for role in ("AdministrationRoleARN", "ExecutionRoleName"):
        if request.get(role):
            raise invalid(f"{role} is not supported for the SERVICE_MANAGED permission model")
    settings = Settings(
        _template(request, response, before),
        _parameters(request, before),
        request.get("Capabilities") or [],
        _auto_deployment(request, before),
        request.get("ManagedExecution") or (managed_execution(before) if before else INACTIVE),
    )
    templates.check(settings.template, settings.parameters, settings.capabilities)
    return settings


def overrides_of(request: Mapping[str, Any], stack_set: StackSet) -> dict[str, str] | None:
    """The parameters that a request on instances overrides; None where it says nothing of them."""
    given = request.get("ParameterOverrides")
    if given is None:
        return None
    declared = templates.parse(stack_set.template).get("Parameters") or {}
    for one in given:
        if one["ParameterKey"] not in declared:
            raise invalid(f"Parameters: [{one['ParameterKey']}] do not exist in the template")
        if one.get("UsePreviousValue"):
            raise invalid("The sandbox knows no UsePreviousValue in ParameterOverrides")
    return {one["ParameterKey"]: one["ParameterValue"] for one in given}


def _template(
    request: Mapping[str, Any], response: CloudFormationResponse, before: StackSet | None
) -> str:
    body, url = request.get("TemplateBody"), request.get("TemplateURL")
    previous = before.template if before and request.get("UsePreviousTemplate") else None
    if sum(1 for one in (body, url, previous) if one) != 1:
        raise invalid("Exactly one of TemplateBody or TemplateUrl must be specified")
    fetched = response._get_stack_from_s3_url(url) if url else None  # noqa: SLF001  moto's own way
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
        raise invalid("AutoDeployment must be specified for the SERVICE_MANAGED permission model")
    if given["Enabled"] != ("RetainStacksOnAccountRemoval" in given):
        raise invalid(
            "RetainStacksOnAccountRemoval must be specified if AutoDeployment is enabled, "
            "and cannot be if it is not"
        )
    return dict(given)
