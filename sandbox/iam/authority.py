"""IAM in the sandbox: every call to moto is authorized, as in AWS.

moto's own check knows neither resources nor conditions nor resource policies.
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

from sandbox.iam.api_calls import Call, accesses
from sandbox.iam.authentication import caller
from sandbox.iam.identities import Identity, parsed_policy, policies_of, principal_of
from sandbox.iam.policy import AccessRequest, Decision, NamedPolicy, Principal, decide
from sandbox.iam.refusals import AccessDeniedError, RefusalError
from sandbox.iam.resources import Access, bucket_access, role_access
from sandbox.organizations.organization import PARTITION, is_suspended, organization_of
from sandbox.overrides import Override, replace, wrap

SESSION_SECONDS = 3000  # credentials last an hour
SOURCELESS = frozenset({"cloudtrail.amazonaws.com"})  # say no source when they assume a role


def authorize_service(service: str, access: Access, context: Mapping[str, str]) -> Decision:
    """May an AWS service itself do this? Only the resource's policy can allow it."""
    return _decide(Principal(service=service), [], access, {**context})


def service_may_assume(service: str, role_arn: str, source_arn: str) -> Decision:
    """Does the role's trust policy let an AWS service in that works for this source?

    https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-required-policy-for-cloudwatch-logs.html
    """
    source = {"aws:SourceArn": source_arn, "aws:SourceAccount": source_arn.split(":")[4]}
    context = {} if service in SOURCELESS else source
    return authorize_service(service, role_access(role_arn), context)


def assume_as_service(service: str, role_arn: str, session: str, source_arn: str) -> AssumedRole:
    """A session of the role that an AWS service works under.

    AccessDeniedError where the trust policy does not let the service in.
    """
    decision = service_may_assume(service, role_arn, source_arn)
    if not decision.allowed:
        raise AccessDeniedError(decision.reason)
    return new_session(role_arn, session)


def new_session(role_arn: str, name: str) -> AssumedRole:
    """A session of a role, whoever asks for it."""
    return sts_backends[role_arn.split(":")[4]][PARTITION].assume_role(
        region_name="us-east-1",
        role_session_name=name,
        role_arn=role_arn,
        policy="",
        duration=3600,
        external_id="",
    )


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


def authorize_session(session: AssumedRole, access: Access, region: str) -> Decision:
    """May this session of a role do this? For what AWS does in its place."""
    identity = create_access_key(
        account_id=session.role_arn.split(":")[4],
        partition=PARTITION,
        access_key_id=session.access_key_id,
        headers={"X-Amz-Security-Token": session.session_token},
    )
    return _decide_for(identity, access, region)


def overrides() -> list[Override]:
    """Authorize every call to moto."""
    return [
        *wrap(BaseResponse, call_action=_call_action),
        *replace(ActionAuthenticatorMixin, _authenticate_and_authorize_action=_check_moto_action),
        *replace(FakeBucket, get_permission=_left_to_us),
    ]


def _call_action(call_action: Any, response: BaseResponse) -> Any:
    try:
        _authorize(response)
    except RefusalError as refusal:
        return refusal.answer(caller().error_format)
    return call_action(response)


def _check_moto_action(response: BaseResponse, iam_request_cls: type, resource: str = "*") -> None:
    """S3 answers by itself and asks here; all other services were checked before they began."""
    if iam_request_cls.__name__ != "S3IAMRequest":
        return
    try:
        _authorize_s3(response, resource)
    except RefusalError as refusal:
        raise S3ClientError(refusal.s3_code, refusal.message) from refusal


def _authorize_s3(response: BaseResponse, resource: str) -> None:
    identity = caller().identity
    action = f"s3:{response._get_action()}"  # noqa: SLF001  moto's own way
    bucket, _, key = resource.removeprefix(f"arn:{PARTITION}:s3:::").partition("/")
    exists = bucket in s3_backends.bucket_accounts
    access = (
        bucket_access(action, bucket, key or None, {})
        if exists
        else Access(action=action, resource=resource)
    )
    decision = _decide_for(identity, access, response.region)
    if not decision.allowed:
        raise AccessDeniedError(_message(identity, access, decision))


def _left_to_us(_bucket: FakeBucket, _action: str, _resource: str) -> PermissionResult:
    """Moto reads bucket policies without their conditions; ours were read before."""
    return PermissionResult.NEUTRAL


def _authorize(response: BaseResponse) -> None:
    identity, service = caller().identity, caller().service
    operation = response._get_action()  # noqa: SLF001  moto's own way
    if (service, operation) == ("sts", "GetCallerIdentity"):
        return
    call = Call(response.current_account, response.region, _parameters(response))
    for access in accesses(service, operation, call):
        decision = _decide_for(identity, access, response.region)
        if not decision.allowed:
            raise AccessDeniedError(_message(identity, access, decision))


def _parameters(response: BaseResponse) -> Mapping[str, Any]:
    body = response.body
    if isinstance(body, Mapping):  # DynamoDB's are parsed already
        return body
    text = body.decode("utf-8", "replace") if isinstance(body, bytes) else str(body or "")
    if text.startswith("{"):
        return _members(text)
    return {name: values[0] for name, values in response.querystring.items() if values}


def _members(text: str) -> Mapping[str, Any]:
    """What is no JSON is for the service to refuse."""
    try:
        document = json.loads(text)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _message(identity: Identity, access: Access, decision: Decision) -> str:
    return (
        f"User: {identity.arn} is not authorized to perform: {access.action} "
        f"on resource: {access.resource} because {decision.reason}"
    )


def _decide_for(identity: Identity, access: Access, region: str) -> Decision:
    principal = principal_of(identity)
    context = {
        "aws:PrincipalArn": principal.role_arn or principal.arn or "",
        "aws:PrincipalAccount": identity.account_id,
        "aws:RequestedRegion": region,
        **_membership("aws:PrincipalOrgID", identity.account_id),
    }
    return _decide(principal, policies_of(identity), access, context)


def _decide(
    principal: Principal,
    identity_policies: Sequence[NamedPolicy],
    access: Access,
    context: Mapping[str, str],
) -> Decision:
    account = access.account or principal.account
    closed = next((one for one in (account, principal.account) if one and is_suspended(one)), None)
    if closed:
        return Decision(allowed=False, reason=f"account {closed} is suspended")
    request = AccessRequest(
        principal=principal,
        action=access.action,
        resource=access.resource,
        resource_account=access.account,
        context={
            # The sandbox's endpoint is plain HTTP on the loopback; AWS's are TLS.
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
    )


def _membership(key: str, account: str) -> dict[str, str]:
    organization = organization_of(account)
    return {} if organization is None else {key: organization}
