"""Security standards, which accounts enable themselves or by their configuration policy.

Standards that auto-enable turns on in new accounts are not covered.
https://docs.aws.amazon.com/securityhub/latest/userguide/standards-reference.html
"""

from typing import Any

from moto.core.responses import ActionResult

from sandbox.security_hub.administration import self_managed_hub, subscribed_hub
from sandbox.security_hub.errors import InvalidInputError
from sandbox.security_hub.organization import organization_for
from sandbox.security_hub.registry import STANDARDS
from sandbox.security_hub.requests import SecurityHubRequest, answer, page

_GLOBAL = "ruleset/"  # the ARN names no Region


class StandardsOperations(SecurityHubRequest):
    def get_enabled_standards(self) -> ActionResult:
        hub, parameters = subscribed_hub(*self.where), self.parameters()
        wanted = parameters.get("StandardsSubscriptionArns")
        by_policy = self._policy_standards()
        names = hub.standards if by_policy is None else by_policy
        found = [self._subscription(name) for name in names]
        chosen = [one for one in found if not wanted or one["StandardsSubscriptionArn"] in wanted]
        subscriptions, more = page(chosen, parameters)
        return answer(StandardsSubscriptions=subscriptions, **more)

    def batch_enable_standards(self) -> ActionResult:
        enabled = self._own_standards()
        requests = self.parameters()["StandardsSubscriptionRequests"]
        names = [_name(request["StandardsArn"]) for request in requests]
        enabled += [name for name in names if name not in enabled]
        return answer(StandardsSubscriptions=[self._subscription(name) for name in names])

    def batch_disable_standards(self) -> ActionResult:
        enabled = self._own_standards()
        arns = self.parameters()["StandardsSubscriptionArns"]
        known = {self._subscription(one)["StandardsSubscriptionArn"]: one for one in enabled}
        if unknown := [arn for arn in arns if arn not in known]:
            raise InvalidInputError(f"Subscriptions not found: {', '.join(unknown)}")
        disabled = [self._subscription(known[arn]) for arn in arns]
        for arn in arns:
            enabled.remove(known[arn])
        return answer(StandardsSubscriptions=disabled)

    def _own_standards(self) -> list[str]:
        self_managed_hub(*self.where)
        return subscribed_hub(*self.where).standards

    def _policy_standards(self) -> list[str] | None:
        """None without a configuration policy."""
        organization = organization_for(*self.where)
        policy = organization.governing_policy(*self.where) if organization else None
        if policy is None:
            return None
        arns = policy.content["SecurityHub"].get("EnabledStandardIdentifiers", [])
        return [_name(arn) for arn in arns]

    def _subscription(self, name: str) -> dict[str, Any]:
        account, region = self.where
        own = f"arn:{self.partition}:securityhub:{region}:{account}"
        location = ":::" if name.startswith(_GLOBAL) else f":{region}::"
        return {
            "StandardsSubscriptionArn": f"{own}:subscription/{name.partition('/')[2]}",
            "StandardsArn": f"arn:{self.partition}:securityhub{location}{name}",
            "StandardsInput": {},
            "StandardsStatus": "READY",
        }


def _name(arn: str) -> str:
    name = arn.partition(":::" if ":::" in arn else "::")[2]
    if name not in STANDARDS:
        raise InvalidInputError(f"Standard {arn} not found")
    return name
