"""What a look at an organization asks and moto cannot answer: standards, and event selectors.

https://docs.aws.amazon.com/securityhub/latest/userguide/standards-reference.html
https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_GetEventSelectors.html
"""

import functools
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from moto.cloudtrail.models import Trail
from moto.core.responses import ActionResult

from sandbox.security_hub.administration import self_managed_hub, subscribed_hub
from sandbox.security_hub.errors import InvalidInputError
from sandbox.security_hub.organization import organization_for
from sandbox.security_hub.requests import answer, page
from sandbox.security_hub.responses import SecurityHubOperations

# By the part of their ARNs that is the same everywhere.
STANDARDS = (
    "ruleset/cis-aws-foundations-benchmark/v/1.2.0",
    "standards/aws-foundational-security-best-practices/v/1.0.0",
    "standards/cis-aws-foundations-benchmark/v/3.0.0",
    "standards/pci-dss/v/4.0.1",
)
DEFAULT_STANDARDS = STANDARDS[:2]
_GLOBAL = "ruleset/"  # in no region
_ALL_MANAGEMENT_EVENTS = {
    "ReadWriteType": "All",
    "IncludeManagementEvents": True,
    "DataResources": [],
    "ExcludeManagementEventSources": [],
}  # what a new trail has


@contextmanager
def installed() -> Iterator[None]:
    hubs = Standards()
    enable, disable = (
        SecurityHubOperations.enable_security_hub,
        SecurityHubOperations.disable_security_hub,
    )
    operations = {
        "enable_security_hub": hubs.enabling(enable),
        "disable_security_hub": hubs.disabling(disable),
        "get_enabled_standards": _method(hubs.listed),
        "batch_enable_standards": _method(hubs.subscribe),
        "batch_disable_standards": _method(hubs.unsubscribe),
    }
    put = _replacing(Trail.put_event_selectors)
    with ExitStack() as stack:
        for name, operation in operations.items():
            stack.enter_context(patch.object(SecurityHubOperations, name, operation, create=True))
        stack.enter_context(patch.object(Trail, "get_event_selectors", _selectors))
        stack.enter_context(patch.object(Trail, "put_event_selectors", put))
        yield


def _method(operation: Callable[[SecurityHubOperations], ActionResult]) -> Any:
    """Of the responses' class, which hands itself on."""

    def method(response: SecurityHubOperations) -> ActionResult:
        return operation(response)

    return method


class Standards:
    """Which are on in each account and region; a configuration policy decides where one holds.

    Those that auto-enable would turn on in accounts that join are not covered.
    """

    def __init__(self) -> None:
        self._of_hub: dict[tuple[str, str], list[str]] = {}

    def enabling(self, enable: Any) -> Any:
        @functools.wraps(enable)
        def enabling(response: SecurityHubOperations) -> ActionResult:
            enabled: ActionResult = enable(response)
            wanted = response.parameters().get("EnableDefaultStandards", True)
            self._of_hub[response.where] = list(DEFAULT_STANDARDS if wanted else ())
            return enabled

        return enabling

    def disabling(self, disable: Any) -> Any:
        @functools.wraps(disable)
        def disabling(response: SecurityHubOperations) -> ActionResult:
            disabled: ActionResult = disable(response)
            self._of_hub.pop(response.where, None)
            return disabled

        return disabling

    def listed(self, response: SecurityHubOperations) -> ActionResult:
        subscribed_hub(*response.where)
        parameters = response.parameters()
        wanted = parameters.get("StandardsSubscriptionArns")
        found = [_subscription(response, one) for one in self._enabled(response)]
        chosen = [one for one in found if not wanted or one["StandardsSubscriptionArn"] in wanted]
        subscriptions, more = page(chosen, parameters)
        return answer(StandardsSubscriptions=subscriptions, **more)

    def subscribe(self, response: SecurityHubOperations) -> ActionResult:
        enabled = self._own(response)
        requests = response.parameters()["StandardsSubscriptionRequests"]
        names = [_known(request["StandardsArn"]) for request in requests]
        enabled += [name for name in names if name not in enabled]
        return answer(StandardsSubscriptions=[_subscription(response, name) for name in names])

    def unsubscribe(self, response: SecurityHubOperations) -> ActionResult:
        enabled = self._own(response)
        arns = response.parameters()["StandardsSubscriptionArns"]
        known = {_subscription(response, one)["StandardsSubscriptionArn"]: one for one in enabled}
        if unknown := [arn for arn in arns if arn not in known]:
            raise InvalidInputError(f"There are no subscriptions {', '.join(unknown)}")
        gone = [_subscription(response, known[arn]) for arn in arns]
        for arn in arns:
            enabled.remove(known[arn])
        return answer(StandardsSubscriptions=gone)

    def _own(self, response: SecurityHubOperations) -> list[str]:
        self_managed_hub(*response.where)
        subscribed_hub(*response.where)
        return self._of_hub.setdefault(response.where, [])

    def _enabled(self, response: SecurityHubOperations) -> list[str]:
        organization = organization_for(*response.where)
        policy = organization.governing_policy(*response.where) if organization else None
        if policy is None:
            return self._of_hub.get(response.where, [])
        content = policy.content["SecurityHub"]
        return [_known(arn) for arn in content.get("EnabledStandardIdentifiers", [])]


def _known(arn: str) -> str:
    name = arn.partition(":::" if ":::" in arn else "::")[2]
    if name not in STANDARDS:
        raise InvalidInputError(f"There is no standard {arn}")
    return name


def _subscription(response: SecurityHubOperations, name: str) -> dict[str, Any]:
    account, region = response.where
    own = f"arn:{response.partition}:securityhub:{region}:{account}"
    where = ":::" if name.startswith(_GLOBAL) else f":{region}::"
    return {
        "StandardsSubscriptionArn": f"{own}:subscription/{name.partition('/')[2]}",
        "StandardsArn": f"arn:{response.partition}:securityhub{where}{name}",
        "StandardsInput": {},
        "StandardsStatus": "READY",
    }


def _selectors(trail: Trail) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """A trail without any records all management events."""
    if trail.advanced_event_selectors:
        return [], trail.advanced_event_selectors
    return trail.event_selectors or [_ALL_MANAGEMENT_EVENTS], []


def _replacing(put_event_selectors: Any) -> Any:
    """A trail has selectors of one kind: those that are put take the place of the others."""

    @functools.wraps(put_event_selectors)
    def replacing(
        trail: Trail,
        event_selectors: list[dict[str, Any]],
        advanced_event_selectors: list[dict[str, Any]],
    ) -> None:
        trail.event_selectors, trail.advanced_event_selectors = [], []
        put_event_selectors(trail, event_selectors, advanced_event_selectors)

    return replacing
