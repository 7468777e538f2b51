"""The security account as the organization's administrator of CloudTrail and Security Hub.

Where it is the management account itself, nothing is delegated.
"""

from constructs import Construct

from config.settings import Accounts
from modules import aws


def delegate_cloudtrail(
    scope: Construct, accounts: Accounts, management: aws.AwsProvider
) -> list[aws.CloudtrailOrganizationDelegatedAdminAccount]:
    """By CloudTrail's own API, which also creates CloudTrail's service-linked role."""
    if accounts.security == accounts.management:
        return []
    delegation = aws.CloudtrailOrganizationDelegatedAdminAccount(
        scope, "delegation", account_id=accounts.security, provider=management
    )
    return [delegation]


def delegate_security_hub(
    scope: Construct, accounts: Accounts, management: aws.AwsProvider
) -> aws.SecurityhubOrganizationAdminAccount:
    """And turn it on in the management account, which an administrator cannot do for it.

    A configuration policy reaches that account only where it is on already, and an association with
    the root fails without it. Standards are charged, so there are none.
    https://docs.aws.amazon.com/securityhub/latest/userguide/view-policy.html
    """
    hub = aws.SecurityhubAccount(
        scope, "management_hub", enable_default_standards=False, provider=management
    )
    # After it, and gone before it: an account that has an administrator cannot turn it off.
    return aws.SecurityhubOrganizationAdminAccount(
        scope,
        "delegation",
        admin_account_id=accounts.security,
        depends_on=[hub],
        provider=management,
    )
