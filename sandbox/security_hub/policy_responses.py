"""Security Hub's operations on configuration policies and their associations."""

from typing import Any

from moto.core.responses import ActionResult

from sandbox.security_hub import configuration_policies
from sandbox.security_hub.configuration_policies import EffectiveAssociation
from sandbox.security_hub.organization import Organization
from sandbox.security_hub.registry import ConfigurationPolicy
from sandbox.security_hub.requests import SecurityHubRequest, answer, page

type Members = dict[str, Any]


class ConfigurationPolicyOperations(SecurityHubRequest):
    def create_configuration_policy(self) -> ActionResult:
        policy = configuration_policies.create_policy(
            self._organization(),
            f"arn:{self.partition}:securityhub:{self.region}:{self.current_account}",
            self.parameters(),
        )
        return _policy(policy)

    def get_configuration_policy(self) -> ActionResult:
        identifier = self.parameters()["Identifier"]
        return _policy(configuration_policies.find_policy(self._organization(), identifier))

    def update_configuration_policy(self) -> ActionResult:
        parameters = self.parameters()
        policy = configuration_policies.update_policy(
            self._organization(), parameters["Identifier"], parameters
        )
        return _policy(policy)

    def delete_configuration_policy(self) -> ActionResult:
        identifier = self.parameters()["Identifier"]
        configuration_policies.delete_policy(self._organization(), identifier)
        return answer()

    def list_configuration_policies(self) -> ActionResult:
        policies = self._organization().settings.policies.values()
        summaries, more = page([_summary(policy) for policy in policies], self.parameters())
        return answer(ConfigurationPolicySummaries=summaries, **more)

    def start_configuration_policy_association(self) -> ActionResult:
        parameters = self.parameters()
        association = configuration_policies.associate(
            self._organization(), parameters["ConfigurationPolicyIdentifier"], parameters["Target"]
        )
        return answer(**(_association(association) | {"AssociationStatus": "PENDING"}))

    def get_configuration_policy_association(self) -> ActionResult:
        association = configuration_policies.find_association(
            self._organization(), self.parameters()["Target"]
        )
        return answer(**_association(association))

    def start_configuration_policy_disassociation(self) -> ActionResult:
        parameters = self.parameters()
        configuration_policies.disassociate(
            self._organization(),
            parameters["ConfigurationPolicyIdentifier"],
            parameters.get("Target", {}),
        )
        return answer()

    def list_configuration_policy_associations(self) -> ActionResult:
        parameters = self.parameters()
        wanted = parameters.get("Filters", {}).items()
        associations = (
            _association(association)
            for association in configuration_policies.all_associations(self._organization())
        )
        found = [members for members in associations if wanted <= members.items()]
        summaries, more = page(found, parameters)
        return answer(ConfigurationPolicyAssociationSummaries=summaries, **more)

    def _organization(self) -> Organization:
        return configuration_policies.centrally_configured_organization(*self.where)


def _policy(policy: ConfigurationPolicy) -> ActionResult:
    return answer(
        Arn=policy.arn,
        Id=policy.id,
        Name=policy.name,
        Description=policy.description,
        CreatedAt=policy.created_at,
        UpdatedAt=policy.updated_at,
        ConfigurationPolicy=policy.content,
    )


def _summary(policy: ConfigurationPolicy) -> Members:
    return {
        "Arn": policy.arn,
        "Id": policy.id,
        "Name": policy.name,
        "UpdatedAt": policy.updated_at,
        "ServiceEnabled": policy.service_enabled,
        **({"Description": policy.description} if policy.description else {}),
    }


def _association(association: EffectiveAssociation) -> Members:
    return {
        "ConfigurationPolicyId": association.policy_id,
        "TargetId": association.target_id,
        "TargetType": association.target_type,
        "AssociationType": association.association_type,
        "UpdatedAt": association.updated_at,
        "AssociationStatus": "FAILED" if association.failure else "SUCCESS",
        **({"AssociationStatusMessage": association.failure} if association.failure else {}),
    }
