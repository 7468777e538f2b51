"""What a trail records, by its event selectors.

https://docs.aws.amazon.com/awscloudtrail/latest/userguide/logging-management-events-with-cloudtrail.html
https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_AdvancedFieldSelector.html
"""

from collections.abc import Callable, Mapping
from typing import Any

# A field's value is wanted by any of the first and by none of the others.
WANTED: dict[str, Callable[[str, str], bool]] = {
    "Equals": str.__eq__,
    "StartsWith": str.startswith,
    "EndsWith": str.endswith,
}
UNWANTED = {f"Not{operator}": test for operator, test in WANTED.items()}
MANAGEMENT_EVENTS = {
    "Name": "Management events",
    "FieldSelectors": [{"Field": "eventCategory", "Equals": ["Management"]}],
}


def sign_in(partition: str, account: str) -> dict[str, str]:
    """A root sign-in, by the fields that selectors know."""
    return {
        "eventCategory": "Management",
        "readOnly": "false",
        "eventSource": "signin.amazonaws.com",
        "eventName": "ConsoleLogin",
        "eventType": "AwsConsoleSignIn",
        "userIdentity.arn": f"arn:{partition}:iam::{account}:root",
    }


def records(selectors: Mapping[str, Any], event: Mapping[str, str]) -> bool:
    """Does a trail with these selectors, as GetEventSelectors answers, record a write event?"""
    basic = selectors.get("EventSelectors") or ()
    advanced = selectors.get("AdvancedEventSelectors") or ()
    return any(_has_writes(one) for one in basic) or any(_selects(one, event) for one in advanced)


def records_management_events(selectors: Mapping[str, Any]) -> bool:
    basic = selectors.get("EventSelectors") or ()
    advanced = selectors.get("AdvancedEventSelectors") or ()
    return any(one.get("IncludeManagementEvents") for one in basic) or any(
        _field_selects(field, "Management")
        for one in advanced
        for field in one["FieldSelectors"]
        if field["Field"] == "eventCategory"
    )


def with_sign_ins(selectors: Mapping[str, Any]) -> tuple[str, list[dict[str, Any]]]:
    """The option of put-event-selectors and its value: the same, and all management events."""
    if advanced := selectors.get("AdvancedEventSelectors"):
        return "--advanced-event-selectors", [*advanced, MANAGEMENT_EVENTS]
    basic = selectors.get("EventSelectors") or [{}]
    complete = {"ReadWriteType": "All", "IncludeManagementEvents": True}
    return "--event-selectors", [{**basic[0], **complete}, *basic[1:]]


def _has_writes(selector: Mapping[str, Any]) -> bool:
    """Which sources it excludes does not matter: AWS allows those of KMS and RDS only."""
    kinds = {"All", "WriteOnly"}
    return bool(selector.get("IncludeManagementEvents")) and selector.get("ReadWriteType") in kinds


def _selects(selector: Mapping[str, Any], event: Mapping[str, str]) -> bool:
    return all(
        _field_selects(field, event.get(field["Field"], "")) for field in selector["FieldSelectors"]
    )


def _field_selects(field: Mapping[str, Any], value: str) -> bool:
    wanted = [test(value, one) for name, test in WANTED.items() for one in field.get(name) or ()]
    unwanted = [
        test(value, one) for name, test in UNWANTED.items() for one in field.get(name) or ()
    ]
    return (not wanted or any(wanted)) and not any(unwanted)
