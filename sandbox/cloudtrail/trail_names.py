"""Trails by name and by ARN, as the accounts of the organization see them.

The management account owns organization trails. Any other account, also the delegated
administrator, names them by ARN.
https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_DescribeTrails.html
https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_ListTags.html
https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/1932
"""

import json
from collections.abc import Iterable
from typing import Any

from moto.cloudtrail.models import Trail, cloudtrail_backends
from moto.cloudtrail.responses import CloudTrailResponse
from moto.core.exceptions import JsonRESTError

from sandbox.organizations.organization import MANAGEMENT, PARTITION, organization_of
from sandbox.overrides import Override, replace, wrap

NAMED = (
    *("get_trail", "get_trail_status", "start_logging", "stop_logging"),
    *("delete_trail", "update_trail", "put_event_selectors", "get_event_selectors"),
)


class TrailNameError(JsonRESTError):
    code = 400


def overrides() -> list[Override]:
    return [
        *wrap(CloudTrailResponse, **dict.fromkeys(NAMED, _require_own_name), list_tags=_list_tags),
        *replace(CloudTrailResponse, describe_trails=_describe_trails),
    ]


def _require_own_name(operation: Any, response: CloudTrailResponse) -> str:
    request = json.loads(response.body)
    name = str(request.get("Name") or request.get("TrailName") or "")
    if not _is_arn(name) and name in {one.trail_name for one in _foreign_trails(response)}:
        raise _unknown(response, name)
    answer: str = operation(response)
    return answer


def _describe_trails(response: CloudTrailResponse) -> str:
    """A name finds a trail of the caller's account and Region, an ARN any trail it may see."""
    request = json.loads(response.body or "{}")
    shadows = request.get("includeShadowTrails", True)
    own = cloudtrail_backends[response.current_account][response.region]
    found = list(own.describe_trails(include_shadow_trails=shadows))
    if shadows:
        found += _foreign_trails(response)
    wanted = request.get("trailNameList") or []
    if wanted:
        found = [one for one in found if one.arn in wanted or _is_named(one, wanted, response)]
    return json.dumps({"trailList": [one.description(include_region=True) for one in found]})


def _is_named(trail: Trail, names: Iterable[str], response: CloudTrailResponse) -> bool:
    where = response.current_account, response.region
    return trail.trail_name in names and (trail.account_id, trail.region_name) == where


def _list_tags(list_tags: Any, response: CloudTrailResponse) -> str:
    known = {one.arn for one in (*_own_trails(response), *_foreign_trails(response))}
    for resource in json.loads(response.body)["ResourceIdList"]:
        if not _is_arn(resource):
            raise TrailNameError(
                "CloudTrailARNInvalidException", f"The specified ARN is not valid: {resource}"
            )
        if resource not in known:
            raise _unknown(response, resource.rpartition("/")[2])
    answer: str = list_tags(response)
    return answer


def _own_trails(response: CloudTrailResponse) -> list[Trail]:
    backends = list(cloudtrail_backends[response.current_account].values())
    return [trail for backend in backends for trail in backend.trails.values()]


def _foreign_trails(response: CloudTrailResponse) -> list[Trail]:
    """The organization trails that a member account sees in this Region."""
    caller = response.current_account
    if caller == MANAGEMENT.id or organization_of(caller) is None:
        return []
    backends = list(cloudtrail_backends[MANAGEMENT.id].values())
    trails = [trail for backend in backends for trail in backend.trails.values()]
    return [one for one in trails if one.is_org_trail and _covers(one, response.region)]


def _covers(trail: Trail, region: str) -> bool:
    return trail.is_multi_region or trail.region_name == region


def _is_arn(name: str) -> bool:
    return name.startswith("arn:")


def _unknown(response: CloudTrailResponse, name: str) -> TrailNameError:
    caller = response.current_account
    arn = f"arn:{PARTITION}:cloudtrail:{response.region}:{caller}:trail/{name}"
    return TrailNameError("TrailNotFoundException", f"Unknown trail: {arn} for the user: {caller}")
