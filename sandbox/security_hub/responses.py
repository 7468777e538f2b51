"""Security Hub's operations on hubs, findings and tags, and all operations together."""

from moto.core.responses import ActionResult

from sandbox.security_hub.administration import (
    OrganizationOperations,
    disable_hub,
    enable_hub,
    self_managed_hub,
    subscribed_hub,
)
from sandbox.security_hub.aggregation import AggregatorOperations, visible_findings
from sandbox.security_hub.configuration_policies import (
    ConfigurationPolicyOperations,
    centrally_configured_organization,
    find_policy,
)
from sandbox.security_hub.errors import InvalidInputError, ResourceNotFoundError
from sandbox.security_hub.finding_filters import check_filters, matches
from sandbox.security_hub.findings import ImportFailure, checked_call, import_failure
from sandbox.security_hub.insights import InsightOperations
from sandbox.security_hub.requests import SecurityHubRequest, answer, page
from sandbox.security_hub.standards import StandardsOperations


class HubOperations(SecurityHubRequest):
    def enable_security_hub(self) -> ActionResult:
        enable_hub(*self.where, self.parameters())
        return answer()

    def describe_hub(self) -> ActionResult:
        hub = subscribed_hub(*self.where)
        if (arn := self.parameters().get("HubArn", hub.arn)) != hub.arn:
            raise ResourceNotFoundError(f"No hub has the ARN {arn}")
        return answer(
            HubArn=hub.arn,
            SubscribedAt=hub.enabled_at,
            AutoEnableControls=hub.auto_enable_controls,
            ControlFindingGenerator=hub.control_finding_generator,
        )

    def update_security_hub_configuration(self) -> ActionResult:
        subscribed_hub(*self.where)
        hub, parameters = self_managed_hub(*self.where), self.parameters()
        hub.auto_enable_controls = parameters.get("AutoEnableControls", hub.auto_enable_controls)
        hub.control_finding_generator = parameters.get(
            "ControlFindingGenerator", hub.control_finding_generator
        )
        return answer()

    def disable_security_hub(self) -> ActionResult:
        disable_hub(*self.where)
        return answer()

    def batch_import_findings(self) -> ActionResult:
        hub, caller = subscribed_hub(*self.where), self.caller
        findings = checked_call(self.body_parameters().get("Findings"), caller)
        failures = []
        for finding in findings:
            if failure := import_failure(finding, caller):
                failures.append(_failed_finding(failure))
            else:
                hub.findings.put(finding, caller)
        return answer(
            FailedCount=len(failures),
            SuccessCount=len(findings) - len(failures),
            FailedFindings=failures,
        )

    def get_findings(self) -> ActionResult:
        subscribed_hub(*self.where)
        parameters = self.parameters()
        if "SortCriteria" in parameters:
            raise InvalidInputError("SortCriteria is not supported")
        filters = parameters.get("Filters", {})
        check_filters(filters)
        visible = visible_findings(*self.where)
        found = [finding for finding in visible if matches(finding, filters)]
        findings, more = page(found, parameters)
        return answer(Findings=findings, **more)

    def list_tags_for_resource(self) -> ActionResult:
        return answer(Tags=self._tags(self.parameters()["ResourceArn"]))

    def tag_resource(self) -> ActionResult:
        parameters = self.parameters()
        self._tags(parameters["ResourceArn"]).update(parameters["Tags"])
        return answer()

    def untag_resource(self) -> ActionResult:
        parameters = self.parameters()
        tags = self._tags(parameters["ResourceArn"])
        for key in parameters["TagKeys"]:
            tags.pop(key, None)
        return answer()

    def _tags(self, arn: str) -> dict[str, str]:
        hub = subscribed_hub(*self.where)
        if arn == hub.arn:
            return hub.tags
        if ":configuration-policy/" not in arn:
            raise ResourceNotFoundError(f"No taggable resource has the ARN {arn}")
        organization = centrally_configured_organization(*self.where)
        return find_policy(organization, arn).tags


class SecurityHubOperations(
    HubOperations,
    OrganizationOperations,
    AggregatorOperations,
    ConfigurationPolicyOperations,
    StandardsOperations,
    InsightOperations,
):
    """Replaces moto's SecurityHubResponse; other operations are not implemented."""


def _failed_finding(failure: ImportFailure) -> dict[str, str]:
    return {
        "Id": failure.finding_id,
        "ErrorCode": failure.error_code,
        "ErrorMessage": failure.error_message,
    }
