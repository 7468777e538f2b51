"""Security Hub on in every account, those that join later included, and seen from one place.

https://docs.aws.amazon.com/securityhub/latest/userguide/central-configuration-intro.html
https://docs.aws.amazon.com/securityhub/latest/userguide/accounts-orgs-auto-enable.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from constructs import Construct

from modules import aws

if TYPE_CHECKING:
    from collections.abc import Sequence

    from config.settings import Settings
    from modules.naming import Names


LINKING_MODES = {"all": "ALL_REGIONS", "none": "NO_REGIONS"}
GENERATOR_ID = "rootwatch/root_console_login_without_mfa"  # as the importer's findings have it


class SecurityHubOrganization(Construct):
    """`provider` is one in the delegated administrator's account, in the home region.

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
        provider: aws.AwsProvider,
    ) -> None:
        super().__init__(scope, id_)
        self._settings = settings
        self._names = names
        self._in_security: dict[str, Any] = {"provider": provider}
        is_central = settings.security_hub.configuration == "central"
        aggregators = self._aggregate(is_needed=is_central)
        if is_central:
            self._configure_centrally(aggregators)
        else:
            self._enable_who_joins()
        self._save_insight()

    def _aggregate(self, *, is_needed: bool) -> list[aws.SecurityhubFindingAggregator]:
        """Central configuration needs one, which names the home region, without links, too."""
        linked = self._settings.security_hub.linked_regions
        if linked == "none" and not is_needed:
            return []
        listed: dict[str, Any] = {}
        if isinstance(linked, tuple):
            listed["specified_regions"] = list(linked)
        mode = LINKING_MODES[linked] if isinstance(linked, str) else "SPECIFIED_REGIONS"
        aggregator = aws.SecurityhubFindingAggregator(
            self, "aggregator", linking_mode=mode, **listed, **self._in_security
        )
        return [aggregator]

    def _enable_who_joins(self) -> None:
        aws.SecurityhubOrganizationConfiguration(
            self,
            "local_configuration",
            auto_enable=True,
            auto_enable_standards="NONE",
            **self._in_security,
        )

    def _configure_centrally(self, aggregators: Sequence[aws.SecurityhubFindingAggregator]) -> None:
        central = aws.SecurityhubOrganizationConfiguration(
            self,
            "central_configuration",
            auto_enable=False,
            auto_enable_standards="NONE",
            organization_configuration={"configuration_type": "CENTRAL"},
            depends_on=aggregators,
            **self._in_security,
        )
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
                **self._in_security,
            )

    def _save_insight(self) -> None:
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
            **self._in_security,
        )
