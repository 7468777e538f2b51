"""Authorization of every call, and of what AWS services do themselves.

Moto's authorization ignores resources, conditions and resource policies.
"""

import json
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from moto.core.authorization import ActionAuthenticatorMixin
from moto.core.responses import BaseResponse
from moto.iam.access_control import PermissionResult, create_access_key
from moto.s3.exceptions import S3ClientError
from moto.s3.models import FakeBucket, s3_backends
from moto.sts.models import AssumedRole, sts_backends

from sandbox.iam.api_calls import ApiCall, accesses
from sandbox.iam.authentication import current_call
from sandbox.iam.control_policies import control_policies
from sandbox.iam.identities import (
    Identity,
    boundary_of,
    parsed_policy,
    policies_of,
    principal_of,
)
from sandbox.iam.policy import (
    UNLIMITED,
    AccessRequest,
    Decision,
    Limits,
    NamedPolicy,
    Principal,
    decide,
)
from sandbox.iam.refusals import AccessDeniedError, RefusalError
from sandbox.iam.resources import Access, bucket_access, role_access
from sandbox.organizations.organization import PARTITION, is_suspended, organization_of
from sandbox.overrides import Override, replace, wrap

SESSION_SECONDS = 3000  # credentials last an hour
SERVICE_LINKED_ROLE = ":role/aws-service-role/"  # service control policies do not apply to them
WITHOUT_SOURCE = frozenset({"cloudtrail.amazonaws.com"})  # they pass no source to STS


def authorize_service(service: str, access: Access, context: Mapping[str, str]) -> Decision:
    """Whether an AWS service may do this. Only the resource's policy can allow it."""
    return _decide(Principal(service=service), [], access, {**context})


def service_may_assume(service: str, role_arn: str, source_arn: str) -> Decision:
    """Whether the role's trust policy allows the AWS service, on behalf of this source.

    https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-required-policy-for-cloudwatch-logs.html
    """
    source = {"aws:SourceArn": source_arn, "aws:SourceAccount": source_arn.split(":")[4]}
    context = {} if service in WITHOUT_SOURCE else source
    access = role_access(role_arn, service.split(".", maxsplit=1)[0])
    return authorize_service(service, access, context)


def assume_as_service(service: str, role_arn: str, session: str, source_arn: str) -> AssumedRole:
    """`AccessDeniedError` where the trust policy does not allow the service."""
    decision = service_may_assume(service, role_arn, source_arn)
    if not decision.allowed:
        raise AccessDeniedError(decision.reason)
    return new_session(role_arn, session)


class ServiceSessions:
    """The sessions of roles that an AWS service has assumed, one for each role and source."""

    def __init__(self, service: str) -> None:
        self._service = service
        self._sessions: dict[tuple[str, str], tuple[AssumedRole, float]] = {}
        self._lock = threading.Lock()

    def session(self, role_arn: str, source_arn: str) -> AssumedRole:
        """`AccessDeniedError` where the role's trust policy does not allow the service now."""
        decision = service_may_assume(self._service, role_arn, source_arn)
        if not decision.allowed:
            raise AccessDeniedError(decision.reason)
        with self._lock:
            session, renewal = self._sessions.get((role_arn, source_arn), (None, 0.0))
            if session is None or time.monotonic() > renewal:
                session = new_session(role_arn, self._service.split(".")[0])
                renewal = time.monotonic() + SESSION_SECONDS
                self._sessions[role_arn, source_arn] = session, renewal
            return session


def new_session(role_arn: str, name: str) -> AssumedRole:
    return sts_backends[role_arn.split(":")[4]][PARTITION].assume_role(
        region_name="us-east-1",
        role_session_name=name,
        role_arn=role_arn,
        policy="",
        duration=3600,
        external_id="",
    )


def authorize_session(session: AssumedRole, access: Access, region: str) -> Decision:
    """Whether this session of a role may do this. For AWS services that act with the role."""
    identity = create_access_key(
        account_id=session.role_arn.split(":")[4],
        partition=PARTITION,
        access_key_id=session.access_key_id,
        headers={"X-Amz-Security-Token": session.session_token},
    )
    return _decide_for(identity, access, region)


def overrides() -> list[Override]:
    return [
        *wrap(BaseResponse, call_action=_call_action),
        *replace(ActionAuthenticatorMixin, _authenticate_and_authorize_action=_authorize_action),
        *replace(FakeBucket, get_permission=_ignore_bucket_policy),
    ]


def _call_action(call_action: Any, response: BaseResponse) -> Any:
    try:
        _authorize(response)
    except RefusalError as refusal:
        return refusal.response(current_call().error_format)
    return call_action(response)


def _authorize(response: BaseResponse) -> None:
    service = current_call().service
    operation = response._get_action()  # noqa: SLF001  moto has no other way
    if (service, operation) == ("sts", "GetCallerIdentity"):
        return
    call = ApiCall(response.current_account, response.region, _parameters(response))
    for access in accesses(service, operation, call):
        _require(access, response.region)


def _authorize_action(response: BaseResponse, iam_request_cls: type, resource: str = "*") -> None:
    """S3's operations call this. For all other services, `_call_action` has authorized the call."""
    if iam_request_cls.__name__ != "S3IAMRequest":
        return
    action = f"s3:{response._get_action()}"  # noqa: SLF001  moto has no other way
    bucket, _, key = resource.removeprefix(f"arn:{PARTITION}:s3:::").partition("/")
    exists = bucket in s3_backends.bucket_accounts
    access = (
        bucket_access(action, bucket, key or None, {})
        if exists
        else Access(action=action, resource=resource)
    )
    try:
        _require(access, response.region)
    except RefusalError as refusal:
        raise S3ClientError(refusal.s3_code, refusal.message) from refusal


def _ignore_bucket_policy(_bucket: FakeBucket, _action: str, _resource: str) -> PermissionResult:
    """Moto ignores the conditions of bucket policies; `_authorize_action` has evaluated them."""
    return PermissionResult.NEUTRAL


def _require(access: Access, region: str) -> None:
    identity = current_call().identity
    decision = _decide_for(identity, access, region)
    if not decision.allowed:
        raise AccessDeniedError(
            f"User: {identity.arn} is not authorized to perform: {access.action} "
            f"on resource: {access.resource} {decision.clause}"
        )


def _parameters(response: BaseResponse) -> Mapping[str, Any]:
    body = response.body
    if isinstance(body, Mapping):  # moto has parsed DynamoDB's
        return body
    text = body.decode("utf-8", "replace") if isinstance(body, bytes) else str(body or "")
    if text.startswith("{"):
        return _members(text)
    return {name: values[0] for name, values in response.querystring.items() if values}


def _members(text: str) -> Mapping[str, Any]:
    """The service itself refuses invalid JSON."""
    try:
        document = json.loads(text)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _decide_for(identity: Identity, access: Access, region: str) -> Decision:
    principal = principal_of(identity)
    context = {
        "aws:PrincipalArn": principal.role_arn or principal.arn or "",
        "aws:PrincipalAccount": identity.account_id,
        "aws:RequestedRegion": region,
        **_membership("aws:PrincipalOrgID", identity.account_id),
    }
    policies = policies_of(identity, access.action.split(":")[0])
    return _decide(principal, policies, access, context, _limits(principal, identity))


def _limits(principal: Principal, identity: Identity) -> Limits:
    is_exempt = SERVICE_LINKED_ROLE in (principal.role_arn or "")
    return Limits(
        control_policies=() if is_exempt else control_policies(identity.account_id),
        boundary=boundary_of(identity),
    )


def _decide(
    principal: Principal,
    identity_policies: Sequence[NamedPolicy],
    access: Access,
    context: Mapping[str, str],
    limits: Limits = UNLIMITED,
) -> Decision:
    account = access.account or principal.account
    for one in (account, principal.account):
        if one and is_suspended(one):
            return Decision(allowed=False, reason=f"account {one} is suspended")
    request = AccessRequest(
        principal=principal,
        action=access.action,
        resource=access.resource,
        resource_account=access.account,
        context={
            # The sandbox's endpoint has no TLS; AWS's endpoints do.
            "aws:SecureTransport": "true",
            "aws:ResourceAccount": account or "",
            **_membership("aws:ResourceOrgID", account or ""),
            **context,
            **access.context,
        },
    )
    policy = access.policy and parsed_policy(access.policy, access.resource, access.kind)
    return decide(
        request,
        identity_policies=identity_policies,
        resource_policy=policy or None,
        kind=access.kind,
        limits=limits,
    )


def _membership(key: str, account: str) -> dict[str, str]:
    organization_id = organization_of(account)
    return {} if organization_id is None else {key: organization_id}
