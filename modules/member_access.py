"""The role and the event rule of every account: one CloudFormation template.

The finding importer assumes the role. The rule forwards root sign-ins from the Region that records
them. Service-managed stack sets do not deploy to the management account, which therefore gets a
stack of the same template.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stacksets-orgs.html
"""

from pathlib import Path
from typing import Any

import yaml
from constructs import Construct

from modules import aws
from modules.naming import Names

TEMPLATE = Path(__file__).with_name("member_access.yaml")
CAPABILITIES = ["CAPABILITY_NAMED_IAM"]
STACK_SET_TIMEOUT = "24h"  # an operation on thousands of accounts takes hours


class _TemplateLoader(yaml.SafeLoader):
    """Reads intrinsic functions such as !Ref as their arguments."""


_TemplateLoader.add_multi_constructor("!", lambda loader, _tag, node: loader.construct_scalar(node))


def sign_in_pattern() -> dict[str, Any]:
    """The event pattern of the template's rule."""
    template = yaml.load(TEMPLATE.read_text(encoding="utf-8"), _TemplateLoader)  # noqa: S506  a SafeLoader
    pattern: dict[str, Any] = template["Resources"]["SignInRule"]["Properties"]["EventPattern"]
    return pattern


class MemberAccess(Construct):
    """`provider` is one of the management account, in the Region that records root sign-ins."""

    def __init__(
        self, scope: Construct, id_: str, *, names: Names, provider: aws.AwsProvider
    ) -> None:
        super().__init__(scope, id_)
        self._names = names
        self._settings = names.settings
        self._provider = provider
        self._template: dict[str, Any] = {
            # Terraform evaluates ${…}, which belongs to CloudFormation here.
            "template_body": TEMPLATE.read_text(encoding="utf-8").replace("${", "$${"),
            "capabilities": CAPABILITIES,
            "parameters": self._parameters(),
        }
        self._create_management_stack()
        self._create_stack_set()

    def _parameters(self) -> dict[str, str]:
        return {
            "RoleName": self._names.member_role,
            "ImporterRoleArn": self._names.importer_role_arn,
            "SecurityAccount": self._settings.accounts.security,
            "OrganizationId": self._settings.organization.id,
            "RuleName": self._names.event_rule,
            "RuleRoleName": self._names.event_role,
            "EventBusArn": self._names.event_bus_arn,
        }

    def _create_management_stack(self) -> None:
        aws.CloudformationStack(
            self,
            "management",
            name=self._names.member_stack_set,
            provider=self._provider,
            **self._template,
        )

    def _create_stack_set(self) -> None:
        choice = self._settings.stack_set
        stack_set = aws.CloudformationStackSet(
            self,
            "members",
            name=self._names.member_stack_set,
            description="The Rootwatch role and event rule in every member account.",
            permission_model="SERVICE_MANAGED",
            auto_deployment={
                "enabled": True,
                "retain_stacks_on_account_removal": choice.retain_stacks_on_account_removal,
            },
            # An operation waits for another one, for example of an account that joins.
            # https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ManagedExecution.html
            managed_execution={"active": True},
            operation_preferences=self._operation_preferences(),
            # AWS sets it for service-managed stack sets; Terraform would plan a change.
            lifecycle={"ignore_changes": ["administration_role_arn"]},
            timeouts={"update": STACK_SET_TIMEOUT},
            provider=self._provider,
            **self._template,
        )
        aws.CloudformationStackSetInstance(
            self,
            "instances",
            stack_set_name=stack_set.name,
            region=self._settings.sign_in_region,
            deployment_targets=self._deployment_targets(),
            operation_preferences={
                **self._operation_preferences(),
                # The strict mode limits the concurrency to one more than the tolerated failures.
                "concurrency_mode": "SOFT_FAILURE_TOLERANCE",
            },
            # The provider cannot update them alone: it sends the units as account IDs. Operations
            # that create or delete instances send them.
            lifecycle={"ignore_changes": ["operation_preferences"]},
            timeouts=dict.fromkeys(("create", "update", "delete"), STACK_SET_TIMEOUT),
            provider=self._provider,
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
