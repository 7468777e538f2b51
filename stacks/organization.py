"""The management account's stack: member access in every account.

It is deployed after the stack `detection`, because the event rules in the accounts need its event
bus.
"""

from constructs import Construct

from config.settings import Settings
from modules.member_access import MemberAccess
from stacks.base import RootwatchStack


class OrganizationStack(RootwatchStack):
    def __init__(self, scope: Construct, settings: Settings) -> None:
        super().__init__(scope, "organization", settings)
        management = self.provider(
            "management", settings.accounts.management, settings.sign_in_region
        )
        MemberAccess(self, "member_access", names=self.names, provider=management)
        self.output(
            "member_role_name",
            self.names.member_role,
            "Name of the role that the finding importer assumes in every account.",
        )
        self.output(
            "member_stack_set_name",
            self.names.member_stack_set,
            "Name of the stack set that deploys the role and the event rule to member accounts.",
        )
