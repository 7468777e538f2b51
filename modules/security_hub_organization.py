"""Security Hub on in every account, those that join later included, and seen from one place.

https://docs.aws.amazon.com/securityhub/latest/userguide/central-configuration-intro.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from constructs import Construct

from modules import aws

if TYPE_CHECKING:
    from config.settings import Settings
    from modules.naming import Names


class SecurityHubOrganization(Construct):
    """Central configuration: one policy, associated with the root or the OUs of the config."""

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
        in_security: dict[str, Any] = {"provider": provider}
        aggregator = aws.SecurityhubFindingAggregator(
            self, "aggregator", linking_mode="ALL_REGIONS", **in_security
        )
        central = aws.SecurityhubOrganizationConfiguration(
            self,
            "central_configuration",
            auto_enable=False,
            auto_enable_standards="NONE",
            organization_configuration={"configuration_type": "CENTRAL"},
            depends_on=[aggregator],
            **in_security,
        )
        policy = aws.SecurityhubConfigurationPolicy(
            self,
            "policy",
            name=names.security_hub_policy,
            description="Security Hub is on, so that findings can be imported.",
            # No standards: Rootwatch needs the service, and each standard is charged.
            configuration_policy={
                "service_enabled": True,
                "enabled_standard_arns": [],
                "security_controls_configuration": {"disabled_control_identifiers": []},
            },
            depends_on=[central],
            **in_security,
        )
        for index, target in enumerate(settings.organization.targets):
            aws.SecurityhubConfigurationPolicyAssociation(
                self, f"association_{index}", policy_id=policy.id, target_id=target, **in_security
            )
