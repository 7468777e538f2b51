"""The members of an organization's administrator, who sees their findings.

https://docs.aws.amazon.com/securityhub/latest/userguide/orgs-accounts-enable.html
https://docs.aws.amazon.com/securityhub/latest/userguide/accounts-orgs-disassociate.html
"""

from collections.abc import Sequence

from sandbox.security_hub.administration import administered_organization
from sandbox.security_hub.errors import AccessDeniedError, ResourceNotFoundError
from sandbox.security_hub.organization import Organization, organization_for

type Refusals = dict[str, str]


def create_members(caller: str, region: str, account_ids: Sequence[str]) -> Refusals:
    """Switch Security Hub on in accounts and make them members; those refused, with the reason."""
    organization = administered_organization(caller, region)
    refused: Refusals = {}
    for account_id in account_ids:
        if reason := _refusal(organization, account_id, region):
            refused[account_id] = reason
        else:
            organization.enroll(account_id, region)
    return refused


def disassociate_members(caller: str, region: str, account_ids: Sequence[str]) -> None:
    """The accounts keep their hub, and manage it themselves."""
    organization = administered_organization(caller, region)
    for account_id in account_ids:
        organization.bring_up_to_date(account_id, region)
        if not organization.is_member(account_id, region):
            raise ResourceNotFoundError(f"Account {account_id} is not a member")
        if organization.governing_policy(account_id, region):
            raise AccessDeniedError(f"Account {account_id} is managed by a configuration policy")
    for account_id in account_ids:
        organization.settings.regions[region].members.pop(account_id, None)


def undeletable(caller: str, region: str, account_ids: Sequence[str]) -> Refusals:
    """DeleteMembers is for accounts that were invited, of which the sandbox has none."""
    administered_organization(caller, region)
    return dict.fromkeys(account_ids, "Accounts of an organization cannot be deleted")


def all_members(caller: str, region: str) -> list[str]:
    organization = administered_organization(caller, region)
    accounts = organization.tree.accounts
    for account_id in accounts:
        organization.bring_up_to_date(account_id, region)
    return [account_id for account_id in accounts if organization.is_member(account_id, region)]


def administrator_of(account_id: str, region: str) -> str | None:
    organization = organization_for(account_id, region)
    if organization is None or not organization.is_member(account_id, region):
        return None
    return organization.settings.administrator


def _refusal(organization: Organization, account_id: str, region: str) -> str | None:
    tree = organization.tree
    if account_id not in tree.accounts:
        return "The account is not in the organization; the sandbox knows no invitations"
    if not tree.is_active(account_id):
        return "The account is suspended"
    if organization.is_administrator(account_id, region):
        return "The account is the administrator"
    if organization.governing_policy(account_id, region):
        return "The account is managed by a configuration policy"
    is_off = not organization.registry.is_enabled(account_id, region)
    if is_off and account_id == tree.management_account_id:
        return "The management account must enable Security Hub itself first"
    return None
