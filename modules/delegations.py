"""The security account as delegated administrator of CloudTrail and Security Hub."""

from __future__ import annotations

from typing import TYPE_CHECKING

from constructs import Construct

from modules import aws

if TYPE_CHECKING:
    from config.settings import Settings


class Delegations(Construct):
    """Where the management account is the security account, nothing is delegated to itself."""

    def __init__(
        self, scope: Construct, id_: str, *, settings: Settings, provider: aws.AwsProvider
    ) -> None:
        super().__init__(scope, id_)
        accounts = settings.accounts
        if accounts.security == accounts.management:
            return
        # CloudTrail's own API, which also creates CloudTrail's service-linked role.
        # Who holds the log group of a trail that exists is allowed to make trails already.
        if settings.trail.managed:
            aws.CloudtrailOrganizationDelegatedAdminAccount(
                self, "cloudtrail", account_id=accounts.security, provider=provider
            )
        if settings.security_hub.managed:
            aws.SecurityhubOrganizationAdminAccount(
                self, "security_hub", admin_account_id=accounts.security, provider=provider
            )
