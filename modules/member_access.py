"""What every account gets: one template, by stack set to the members.

The importer's way in, and the rule that tells of root's sign-ins within seconds, in the region that
records them. Service-managed stack sets never deploy to the management account, which therefore
gets a stack of the same template.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stacksets-orgs.html
"""

from pathlib import Path
from typing import Any

from constructs import Construct

from config.settings import Settings
from modules import aws
from modules.naming import Names

TEMPLATE = Path(__file__).with_name("member_access.yaml")
CAPABILITIES = ["CAPABILITY_NAMED_IAM"]
PATIENCE = "24h"  # an operation on thousands of accounts takes hours


class MemberAccess(Construct):
    """`provider` is one in the management account, in the region that records root's sign-ins."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        settings: Settings,
        names: Names,
        provider: aws.AwsProvider,
    ) -> None:
        super().__init__(scope, id_)
        self._settings = settings
        self._name = names.member_stack_set
        self._in_management: dict[str, Any] = {"provider": provider}
        self._template: dict[str, Any] = {
            # CloudFormation's ${…} is not Terraform's.
            "template_body": TEMPLATE.read_text(encoding="utf-8").replace("${", "$${"),
            "capabilities": CAPABILITIES,
            "parameters": self._parameters(names),
        }
        self._create_management_stack()
        self._create_stack_set()

    def _parameters(self, names: Names) -> dict[str, str]:
        return {
            "RoleName": names.member_role,
            "ImporterRoleArn": names.importer_role_arn,
            "SecurityAccount": self._settings.accounts.security,
            "OrganizationId": self._settings.organization.id,
            "RuleName": names.event_rule,
            "RuleRoleName": names.event_role,
            "EventBusArn": names.event_bus_arn,
        }

    def _create_management_stack(self) -> None:
        aws.CloudformationStack(
            self, "management", name=self._name, **self._template, **self._in_management
        )

    def _create_stack_set(self) -> None:
        choice = self._settings.stack_set
        stack_set = aws.CloudformationStackSet(
            self,
            "members",
            name=self._name,
            description="Rootwatch in every member account.",
            permission_model="SERVICE_MANAGED",
            auto_deployment={
                "enabled": True,
                "retain_stacks_on_account_removal": choice.retain_stacks_on_account_removal,
            },
            # A deployment that meets the operation of an account that joins waits for it.
            # https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ManagedExecution.html
            managed_execution={"active": True},
            operation_preferences=self._operation_preferences(),
            # AWS fills it in for service-managed stack sets, which would show as a change.
            lifecycle={"ignore_changes": ["administration_role_arn"]},
            timeouts={"update": PATIENCE},
            **self._template,
            **self._in_management,
        )
        aws.CloudformationStackSetInstance(
            self,
            "instances",
            stack_set_name=stack_set.name,
            region=self._settings.sign_in_region,
            deployment_targets=self._deployment_targets(),
            operation_preferences={
                **self._operation_preferences(),
                # Otherwise no more accounts at once than may fail, and one.
                "concurrency_mode": "SOFT_FAILURE_TOLERANCE",
            },
            # The provider cannot change them alone: it names the units as accounts. They hold for
            # the operations that come, and those that make or remove instances bring them along.
            lifecycle={"ignore_changes": ["operation_preferences"]},
            timeouts={"create": PATIENCE, "update": PATIENCE, "delete": PATIENCE},
            **self._in_management,
        )

    def _operation_preferences(self) -> dict[str, Any]:
        choice = self._settings.stack_set
        return {
            "failure_tolerance_percentage": choice.failure_tolerance_percentage,
            "max_concurrent_percentage": choice.max_concurrent_percentage,
            "region_concurrency_type": "PARALLEL",
        }

    def _deployment_targets(self) -> dict[str, Any]:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/account-level-targets.html"""
        organization = self._settings.organization
        targets: dict[str, Any] = {"organizational_unit_ids": list(organization.targets)}
        if organization.excluded_accounts:
            targets["accounts"] = list(organization.excluded_accounts)
            targets["account_filter_type"] = "DIFFERENCE"
        return targets
