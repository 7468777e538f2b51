"""Which accounts an operation on a service-managed stack set means.

https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DeploymentTargets.html
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from moto.cloudformation.models import cloudformation_backends

from sandbox.cloudformation.stack_sets.errors import invalid
from sandbox.organizations.organization import MANAGEMENT, organization, units_below

UNIT = re.compile(r"ou-[a-z0-9]{4,32}-[a-z0-9]{8,32}|r-[a-z0-9]{4,32}")
ACCOUNT = re.compile(r"[0-9]{12}")
UNITS_AT_MOST = 50
FILTERS = ("NONE", "INTERSECTION", "DIFFERENCE", "UNION")
ONLY_UNITS = (
    "StackSets with SERVICE_MANAGED permission model can only have OrganizationalUnit as target"
)


@dataclass(frozen=True, slots=True)
class Targets:
    units: tuple[str, ...]
    accounts: frozenset[str]
    filter: str
    document: Mapping[str, Any]  # as the request had it

    def picks(self, account: str, *, is_under: bool) -> bool:
        """Does the operation mean an account that is, or is not, in one of the units?"""
        listed = account in self.accounts
        return {
            "NONE": is_under,
            "INTERSECTION": is_under and listed,
            "DIFFERENCE": is_under and not listed,
            "UNION": is_under or listed,
        }[self.filter]

    def accounts_by_unit(self) -> dict[str, str]:
        """The accounts that are there now, each with the first of the units that it is under."""
        return {
            account: unit
            for unit in reversed(self.units)
            for account in accounts_under(unit)
            if self.picks(account, is_under=True)
        }


def accounts_under(unit: str) -> list[str]:
    """All of a root or unit and the units below it, suspended ones too, the management's not."""
    units = units_below(unit)
    return [
        account.id
        for account in organization().accounts
        if account.parent_id in units and account.id != MANAGEMENT.id
    ]


def creation_targets(request: Mapping[str, Any]) -> Targets:
    """Those of a CreateStackInstances request, or CloudFormation's ValidationError."""
    document = request.get("DeploymentTargets") or {}
    targets = operation_targets(request)
    if targets.accounts and "AccountFilterType" not in document:
        raise invalid(
            "AccountFilterType must be specified with both OrganizationalUnitIds and Accounts"
        )
    if targets.filter == "UNION" and "AccountFilterType" in document:
        raise invalid("AccountFilterType UNION is not supported for CreateStackInstances")
    known = {unit.id for unit in organization().ou}
    for unit in targets.units:
        if unit not in known:
            raise invalid(f"Organizational unit {unit} does not exist in the organization")
    return targets


def operation_targets(request: Mapping[str, Any]) -> Targets:
    """Those of any request on instances, or CloudFormation's ValidationError."""
    document = request.get("DeploymentTargets") or {}
    units, accounts = document.get("OrganizationalUnitIds") or [], document.get("Accounts") or []
    if request.get("Accounts") or not units:
        raise invalid(ONLY_UNITS)
    if document.get("AccountsUrl"):
        raise invalid("The sandbox reads no AccountsUrl: name the accounts in Accounts")
    if len(units) > UNITS_AT_MOST:
        raise invalid(f"{len(units)} organizational units: at most {UNITS_AT_MOST} are supported")
    _check_pattern("organizationalUnitIds", units, UNIT)
    _check_pattern("accounts", accounts, ACCOUNT)
    return Targets(tuple(units), frozenset(accounts), _filter(document), document)


def regions_of(request: Mapping[str, Any]) -> list[str]:
    regions = request.get("Regions") or []
    if not regions:
        raise invalid("At least one Region must be specified")
    for region in regions:
        if region not in cloudformation_backends[MANAGEMENT.id]:
            raise invalid(f"Region {region} does not exist")
    return list(dict.fromkeys(regions))


def _filter(document: Mapping[str, Any]) -> str:
    chosen = str(document.get("AccountFilterType", "UNION"))
    if chosen not in FILTERS:
        raise invalid(f"AccountFilterType {chosen} must be one of {', '.join(FILTERS)}")
    if chosen in ("INTERSECTION", "DIFFERENCE") and not document.get("Accounts"):
        raise invalid(f"AccountFilterType {chosen} needs Accounts")
    if chosen == "NONE" and document.get("Accounts"):
        raise invalid("AccountFilterType NONE takes no Accounts")
    return chosen


def _check_pattern(name: str, values: list[str], pattern: re.Pattern[str]) -> None:
    for value in values:
        if not pattern.fullmatch(value):
            raise invalid(
                f"1 validation error detected: Value '{value}' at 'deploymentTargets.{name}' "
                f"failed to satisfy constraint: {pattern.pattern}"
            )
