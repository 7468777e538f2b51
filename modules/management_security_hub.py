"""Security Hub on in the management account, which no way of the organization's turns it on in.

A configuration policy reaches that account only where it is on already, and an association with the
root fails without it.
https://docs.aws.amazon.com/securityhub/latest/userguide/configuration-policy-association-status.html
https://docs.aws.amazon.com/securityhub/latest/userguide/accounts-orgs-auto-enable.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from constructs import Construct

from modules import aws

if TYPE_CHECKING:
    from config.settings import Settings


class ManagementSecurityHub(Construct):
    """Without standards, which are charged; nothing where Security Hub is managed elsewhere."""

    def __init__(
        self, scope: Construct, id_: str, *, settings: Settings, provider: aws.AwsProvider
    ) -> None:
        super().__init__(scope, id_)
        if settings.security_hub.managed:
            aws.SecurityhubAccount(self, "hub", enable_default_standards=False, provider=provider)
