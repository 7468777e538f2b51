"""Security Hub, enabled in all accounts of the targets and administered by the security account.

https://docs.aws.amazon.com/securityhub/latest/userguide/central-configuration-intro.html
https://docs.aws.amazon.com/securityhub/latest/userguide/accounts-orgs-auto-enable.html
"""

from typing import Any

from constructs import Construct

from modules import aws
from modules.naming import Names

CONFIGURATION_TIMEOUT = "24h"  # AWS may take this long to start or stop central configuration
# A policy takes up to a day to reach many accounts. Terraform does not wait for it: an association
# that is pending after this timeout is no error, and one that fails at once is reported.
# https://docs.aws.amazon.com/securityhub/latest/userguide/view-policy.html
ASSOCIATION_TIMEOUT = "10m"
LINKING_MODES = {"all": "ALL_REGIONS", "none": "NO_REGIONS"}
# Settings of the management account's hub. Once a configuration policy applies to the account, AWS
# rejects UpdateSecurityHubConfiguration there, so Terraform could not correct a difference. AWS
# never returns the first one, whose change would replace the hub.
# https://docs.aws.amazon.com/securityhub/latest/userguide/central-configuration-management-overview.html
MANAGED_BY_POLICY = [
    "enable_default_standards",
    "auto_enable_controls",
    "control_finding_generator",
]
GENERATOR_ID = (
    "rootwatch/root_console_login_without_mfa"  # of the findings that the importer imports
)


class SecurityHubOrganization(Construct):
    """`management` and `provider` are providers of the management and of the security account.

    Both are for the home Region. Central configuration associates one policy with the targets.
    Local configuration enables Security Hub in accounts that join, and leaves the others unchanged.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        names: Names,
        management: aws.AwsProvider,
        provider: aws.AwsProvider,
    ) -> None:
        super().__init__(scope, id_)
        self._settings = names.settings
        self._names = names
        self._provider = provider
        delegation = self._delegate_administration(management)
        configuration = self._configure(delegation)
        if self._is_central:
            self._associate_policy(configuration)
        self._create_insight(delegation)

    def _delegate_administration(
        self, management: aws.AwsProvider
    ) -> aws.SecurityhubOrganizationAdminAccount:
        """Also enables Security Hub in the management account, as the administrator cannot.

        A configuration policy applies to that account only where Security Hub is enabled, and its
        association with the root fails otherwise. AWS charges for standards: none is enabled.
        https://docs.aws.amazon.com/securityhub/latest/userguide/view-policy.html
        """
        hub = aws.SecurityhubAccount(
            self,
            "management_hub",
            enable_default_standards=False,
            lifecycle={"ignore_changes": MANAGED_BY_POLICY},
            provider=management,
        )
        # Destroyed before the hub: an account with an administrator cannot disable Security Hub.
        return aws.SecurityhubOrganizationAdminAccount(
            self,
            "delegation",
            admin_account_id=self._settings.accounts.security,
            depends_on=[hub],
            provider=management,
        )

    @property
    def _is_central(self) -> bool:
        return self._settings.security_hub.configuration == "central"

    def _configure(
        self, delegation: aws.SecurityhubOrganizationAdminAccount
    ) -> aws.SecurityhubOrganizationConfiguration:
        kind = "CENTRAL" if self._is_central else "LOCAL"
        return aws.SecurityhubOrganizationConfiguration(
            self,
            "configuration",
            auto_enable=not self._is_central,
            auto_enable_standards="NONE",
            organization_configuration={"configuration_type": kind},
            depends_on=[delegation, self._aggregate(delegation)],
            timeouts=dict.fromkeys(("create", "update", "delete"), CONFIGURATION_TIMEOUT),
            provider=self._provider,
        )

    def _aggregate(
        self, delegation: aws.SecurityhubOrganizationAdminAccount
    ) -> aws.SecurityhubFindingAggregator:
        """Defines the home Region, also where no Region is linked.

        Central configuration requires it, and it can only be deleted after central configuration.
        """
        linked = self._settings.security_hub.linked_regions
        listed: dict[str, Any] = {}
        if isinstance(linked, tuple):
            listed["specified_regions"] = list(linked)
        return aws.SecurityhubFindingAggregator(
            self,
            "aggregator",
            linking_mode=(
                LINKING_MODES[linked] if isinstance(linked, str) else "SPECIFIED_REGIONS"
            ),
            depends_on=[delegation],
            **listed,
            provider=self._provider,
        )

    def _associate_policy(self, central: aws.SecurityhubOrganizationConfiguration) -> None:
        policy = aws.SecurityhubConfigurationPolicy(
            self,
            "policy",
            name=self._names.security_hub_policy,
            description="Enables Security Hub, so that findings can be imported.",
            # Rootwatch needs no standard, and AWS charges for each.
            configuration_policy={
                "service_enabled": True,
                "enabled_standard_arns": [],
                "security_controls_configuration": {"disabled_control_identifiers": []},
            },
            depends_on=[central],
            provider=self._provider,
        )
        for target in self._settings.organization.targets:
            aws.SecurityhubConfigurationPolicyAssociation(
                self,
                f"association_{target}",
                policy_id=policy.id,
                target_id=target,
                timeouts={"create": ASSOCIATION_TIMEOUT, "update": ASSOCIATION_TIMEOUT},
                provider=self._provider,
            )

    def _create_insight(self, delegation: aws.SecurityhubOrganizationAdminAccount) -> None:
        """https://docs.aws.amazon.com/securityhub/latest/userguide/securityhub-custom-insights.html"""
        filters = aws.SecurityhubInsightFilters(
            generator_id=[
                aws.SecurityhubInsightFiltersGeneratorId(comparison="EQUALS", value=GENERATOR_ID)
            ],
            record_state=[
                aws.SecurityhubInsightFiltersRecordState(comparison="EQUALS", value="ACTIVE")
            ],
        )
        aws.SecurityhubInsight(
            self,
            "insight",
            name=self._names.insight,
            filters=filters,
            # The account of the event, also for a fallback finding in the security account.
            group_by_attribute="ResourceId",
            depends_on=[delegation],
            provider=self._provider,
        )
