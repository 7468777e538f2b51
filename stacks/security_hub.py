"""Security Hub in the organization, administered by the security account.

It is deployed last, so that nothing that Security Hub waits for, or fails at, keeps an account from
the trail, the member role and the event rule.
"""

from constructs import Construct

from config.settings import Settings
from modules.security_hub_organization import SecurityHubOrganization
from stacks.base import RootwatchStack


class SecurityHubStack(RootwatchStack):
    """Without resources where Rootwatch does not manage Security Hub.

    The stack and its providers exist there, too: one deployment then destroys the resources of an
    earlier configuration, for which Terraform needs their providers.
    """

    def __init__(self, scope: Construct, settings: Settings) -> None:
        super().__init__(scope, "security_hub", settings)
        management = self.provider("management", settings.accounts.management)
        security = self.provider("security", settings.accounts.security)
        if settings.security_hub.managed:
            SecurityHubOrganization(
                self,
                "organization",
                names=self.names,
                management=management,
                provider=security,
            )
