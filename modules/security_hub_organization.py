"""Security Hub on in every account, those that join later included, and seen from one place.

https://docs.aws.amazon.com/securityhub/latest/userguide/central-configuration-intro.html
https://docs.aws.amazon.com/securityhub/latest/userguide/accounts-orgs-auto-enable.html
"""

from typing import Any

from constructs import Construct

from config.settings import Settings
from modules import aws
from modules.delegations import delegate_security_hub
from modules.naming import Names

PATIENCE = "24h"  # until AWS has begun, or let go of, central configuration
# A policy takes up to a day to reach many accounts, and goes on without anybody waiting; what is
# still pending by then is no error, and what fails at once is told.
# https://docs.aws.amazon.com/securityhub/latest/userguide/view-policy.html
ASSOCIATION_PATIENCE = "10m"
LINKING_MODES = {"all": "ALL_REGIONS", "none": "NO_REGIONS"}
GENERATOR_ID = "rootwatch/root_console_login_without_mfa"  # as the importer's findings have it


class SecurityHubOrganization(Construct):
    """`provider` is one in the security account, `management` one in that account; both at home.

    central: one policy, associated with the root or the OUs of the config. local: Security Hub is
    turned on in accounts that join, and those that are there already are left as they are.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        settings: Settings,
        names: Names,
        management: aws.AwsProvider,
        provider: aws.AwsProvider,
    ) -> None:
        super().__init__(scope, id_)
        self._settings = settings
        self._names = names
        self._in_security: dict[str, Any] = {"provider": provider}
        delegation = delegate_security_hub(self, settings.accounts, management)
        configuration = self._configure(delegation)
        if self._is_central:
            self._associate_policy(configuration)
        self._save_insight(delegation)

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
            timeouts={"create": PATIENCE, "update": PATIENCE, "delete": PATIENCE},
            **self._in_security,
        )

    def _aggregate(
        self, delegation: aws.SecurityhubOrganizationAdminAccount
    ) -> aws.SecurityhubFindingAggregator:
        """It names the home region, and stays where no region is linked.

        Central configuration needs it, and lets it be deleted only after itself.
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
            **self._in_security,
        )

    def _associate_policy(self, central: aws.SecurityhubOrganizationConfiguration) -> None:
        policy = aws.SecurityhubConfigurationPolicy(
            self,
            "policy",
            name=self._names.security_hub_policy,
            description="Security Hub is on, so that findings can be imported.",
            # No standards: Rootwatch needs the service, and each standard is charged.
            configuration_policy={
                "service_enabled": True,
                "enabled_standard_arns": [],
                "security_controls_configuration": {"disabled_control_identifiers": []},
            },
            depends_on=[central],
            **self._in_security,
        )
        for index, target in enumerate(self._settings.organization.targets):
            aws.SecurityhubConfigurationPolicyAssociation(
                self,
                f"association_{index}",
                policy_id=policy.id,
                target_id=target,
                timeouts={"create": ASSOCIATION_PATIENCE, "update": ASSOCIATION_PATIENCE},
                **self._in_security,
            )

    def _save_insight(self, delegation: aws.SecurityhubOrganizationAdminAccount) -> None:
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
            # The account that it is about, also where the security account keeps the finding.
            group_by_attribute="ResourceId",
            depends_on=[delegation],
            **self._in_security,
        )
