"""The management account's stack: what every account gets, and therefore the last one.

The rules in the accounts name the event bus that the stack `detection` makes.
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
        MemberAccess(
            self, "member_access", settings=settings, names=self.names, provider=management
        )
        self.output(
            "member_role_name",
            self.names.member_role,
            "The role that the finding importer assumes in every account.",
        )
        self.output(
            "member_stack_set_name",
            self.names.member_stack_set,
            "The stack set that brings role and event rule to the member accounts.",
        )
