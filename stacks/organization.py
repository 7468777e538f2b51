"""The management account's stack: what can live nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modules.delegations import Delegations
from modules.member_access import MemberAccess
from stacks.base import RootwatchStack

if TYPE_CHECKING:
    from constructs import Construct

    from config.settings import Settings


class OrganizationStack(RootwatchStack):
    def __init__(self, scope: Construct, settings: Settings) -> None:
        super().__init__(scope, "organization", settings)
        management = self.provider("management", settings.accounts.management)
        Delegations(self, "delegations", settings=settings, provider=management)
        MemberAccess(
            self,
            "member_access",
            settings=settings,
            names=self.names,
            provider=self.provider(
                "sign_ins", settings.accounts.management, settings.sign_in_region
            ),
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
