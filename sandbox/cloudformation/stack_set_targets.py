"""The deployment targets of operations, and CloudFormation's trusted access to the organization.

Organizations' EnableAWSServiceAccess does not activate trusted access for stack sets.
https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DeploymentTargets.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stacksets-orgs-activate-trusted-access.html
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from moto.cloudformation.exceptions import CloudFormationError, ValidationError
from moto.cloudformation.models import cloudformation_backends

from sandbox.organizations.organization import MANAGEMENT, organization, units_below

UNIT = re.compile(r"ou-[a-z0-9]{4,32}-[a-z0-9]{8,32}|r-[a-z0-9]{4,32}")
ACCOUNT = re.compile(r"[0-9]{12}")
MAX_UNITS = 50
FILTERS = ("NONE", "INTERSECTION", "DIFFERENCE", "UNION")
ONLY_UNITS = (
    "StackSets with SERVICE_MANAGED permission model can only have OrganizationalUnit as target"
)


@dataclass(frozen=True, slots=True)
class Targets:
    units: tuple[str, ...]
    accounts: frozenset[str]
    filter: str
    document: Mapping[str, Any]

    def include(self, account: str, *, is_under: bool) -> bool:
        """Whether the account is a target; `is_under` if it is in one of the units."""
        listed = account in self.accounts
        return {
            "NONE": is_under,
            "INTERSECTION": is_under and listed,
            "DIFFERENCE": is_under and not listed,
            "UNION": is_under or listed,
        }[self.filter]

    def accounts_by_unit(self) -> dict[str, str]:
        """The current accounts, each with the first of its target units."""
        return {
            account: unit
            for unit in reversed(self.units)
            for account in accounts_under(unit)
            if self.include(account, is_under=True)
        }


def accounts_under(unit: str) -> list[str]:
    """All accounts below, with suspended ones, without the management account."""
    units = units_below(unit)
    return [
        account.id
        for account in organization().accounts
        if account.parent_id in units and account.id != MANAGEMENT.id
    ]


def creation_targets(request: Mapping[str, Any]) -> Targets:
    """Of CreateStackInstances. Raises ValidationError."""
    document = request.get("DeploymentTargets") or {}
    targets = operation_targets(request)
    if targets.accounts and "AccountFilterType" not in document:
        raise ValidationError(
            message="AccountFilterType must be specified with both OrganizationalUnitIds and "
            "Accounts"
        )
    if targets.filter == "UNION" and "AccountFilterType" in document:
        raise ValidationError(
            message="AccountFilterType UNION is not supported for CreateStackInstances"
        )
    known = {unit.id for unit in organization().ou}
    for unit in targets.units:
        if unit not in known:
            raise ValidationError(
                message=f"Organizational unit {unit} does not exist in the organization"
            )
    return targets


def operation_targets(request: Mapping[str, Any]) -> Targets:
    """Of the other operations on instances. Raises ValidationError."""
    document = request.get("DeploymentTargets") or {}
    units, accounts = document.get("OrganizationalUnitIds") or [], document.get("Accounts") or []
    if request.get("Accounts") or not units:
        raise ValidationError(message=ONLY_UNITS)
    if document.get("AccountsUrl"):
        raise ValidationError(message="The sandbox does not support AccountsUrl: use Accounts")
    if len(units) > MAX_UNITS:
        raise ValidationError(
            message=f"{len(units)} organizational units: at most {MAX_UNITS} are supported"
        )
    _check_pattern("organizationalUnitIds", units, UNIT)
    _check_pattern("accounts", accounts, ACCOUNT)
    return Targets(tuple(units), frozenset(accounts), _filter(document), document)


def regions_of(request: Mapping[str, Any]) -> list[str]:
    regions = request.get("Regions") or []
    if not regions:
        raise ValidationError(message="At least one Region must be specified")
    for region in regions:
        if region not in cloudformation_backends[MANAGEMENT.id]:
            raise ValidationError(message=f"Region {region} does not exist")
    return list(dict.fromkeys(regions))


def _filter(document: Mapping[str, Any]) -> str:
    chosen = str(document.get("AccountFilterType", "UNION"))
    if chosen not in FILTERS:
        raise ValidationError(
            message=f"AccountFilterType {chosen} must be one of {', '.join(FILTERS)}"
        )
    if chosen in ("INTERSECTION", "DIFFERENCE") and not document.get("Accounts"):
        raise ValidationError(message=f"AccountFilterType {chosen} requires Accounts")
    if chosen == "NONE" and document.get("Accounts"):
        raise ValidationError(message="AccountFilterType NONE does not support Accounts")
    return chosen


def _check_pattern(name: str, values: list[str], pattern: re.Pattern[str]) -> None:
    for value in values:
        if not pattern.fullmatch(value):
            raise ValidationError(
                message=f"1 validation error detected: Value '{value}' at "
                f"'deploymentTargets.{name}' "
                f"failed to satisfy constraint: {pattern.pattern}"
            )


SERVICE = "member.org.stacksets.cloudformation.amazonaws.com"


class TrustedAccess:
    """Active until Organizations removes the entry of the activation."""

    def __init__(self) -> None:
        self._entry = _entry()

    @property
    def is_active(self) -> bool:
        return self._entry is not None and self._entry is _entry()

    def activate(self, caller: str) -> dict[str, str]:
        _require_management(caller)
        organization().enable_aws_service_access(ServicePrincipal=SERVICE)
        self._entry = _entry()
        return {}

    def deactivate(self, caller: str) -> dict[str, str]:
        _require_management(caller)
        organization().disable_aws_service_access(ServicePrincipal=SERVICE)
        return {}

    def describe(self, caller: str) -> dict[str, str]:
        _require_management(caller)
        return {"Status": "ENABLED" if self.is_active else "DISABLED"}

    def require(self, caller: str) -> None:
        """Raises ValidationError unless the caller may manage service-managed stack sets."""
        if caller != MANAGEMENT.id:
            raise ValidationError(
                message="You must be the management account or delegated admin account of an "
                "organization before operating a SERVICE_MANAGED stack set"
            )
        if not self.is_active:
            raise ValidationError(
                message="You must enable organizations access to operate a service managed "
                "stack set"
            )


def _entry() -> dict[str, Any] | None:
    services = organization().services
    return next((one for one in services if one["ServicePrincipal"] == SERVICE), None)


def _require_management(caller: str) -> None:
    if caller != MANAGEMENT.id:
        raise CloudFormationError(
            "InvalidOperationException",
            "Only the management account of an organization can do this",
        )
