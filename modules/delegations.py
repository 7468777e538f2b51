"""The security account as delegated administrator of CloudTrail and Security Hub."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
        self._security = settings.accounts.security
        self._in_management: dict[str, Any] = {"provider": provider}
        if self._security == settings.accounts.management:
            return
        # Who holds the log group of a trail that exists may make trails already.
        if settings.trail.managed:
            self._delegate_cloudtrail()
        if settings.security_hub.managed:
            self._delegate_security_hub()

    def _delegate_cloudtrail(self) -> None:
        """By CloudTrail's own API, which also creates CloudTrail's service-linked role."""
        aws.CloudtrailOrganizationDelegatedAdminAccount(
            self, "cloudtrail", account_id=self._security, **self._in_management
        )

    def _delegate_security_hub(self) -> None:
        """And turn it on in the management account, which an administrator cannot do for it.

        A configuration policy reaches that account only where it is on already, and an association
        with the root fails without it. Standards are charged, so there are none.
        https://docs.aws.amazon.com/securityhub/latest/userguide/configuration-policy-association-status.html
        """
        hub = aws.SecurityhubAccount(
            self, "management_hub", enable_default_standards=False, **self._in_management
        )
        # After it, and gone before it: an account that has an administrator cannot turn it off.
        aws.SecurityhubOrganizationAdminAccount(
            self,
            "security_hub",
            admin_account_id=self._security,
            depends_on=[hub],
            **self._in_management,
        )
