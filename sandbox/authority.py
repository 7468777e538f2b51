"""IAM in the sandbox: every call to moto is authenticated and authorized, as in AWS.

moto's own check knows neither resources nor conditions nor resource policies.
"""

from __future__ import annotations

import functools
import json
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any
from unittest.mock import patch
from xml.sax.saxutils import escape

from moto.core.authorization import ActionAuthenticatorMixin
from moto.core.responses import BaseResponse
from moto.core.utils import utcnow
from moto.iam.access_control import (
    AssumedRoleAccessKey,
    CreateAccessKeyFailure,
    IAMUserAccessKey,
    PermissionResult,
    create_access_key,
)
from moto.s3.exceptions import S3ClientError
from moto.s3.models import FakeBucket, s3_backends
from moto.sts.models import sts_backends

from sandbox.organization import PARTITION, iam, organization_of
from sandbox.policy import (
    AccessRequest,
    Decision,
    NamedPolicy,
    Principal,
    ResourcePolicyKind,
    decide,
    parse_policy,
)
from sandbox.resources import Access, Call, accesses, bucket_access, role_access

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from moto.sts.models import AssumedRole

type Identity = IAMUserAccessKey | AssumedRoleAccessKey

SERVICE_PREFIXES = {"monitoring": "cloudwatch"}  # where the signing name is not the IAM prefix
REST_JSON = frozenset({"lambda", "securityhub"})  # whose requests may have no body
S3_CREDENTIAL_CODES = {"InvalidId": "InvalidAccessKeyId", "InvalidToken": "InvalidToken"}


class RefusalError(Exception):
    """A call that AWS turns away; the code of the answer depends on the protocol."""

    def __init__(self, message: str, *, query_code: str, json_code: str, s3_code: str) -> None:
        super().__init__(message)
        self.message = message
        self.query_code = query_code
        self.json_code = json_code
        self.s3_code = s3_code


class AccessDeniedError(RefusalError):
    def __init__(self, message: str) -> None:
        code = "AccessDenied"
        super().__init__(message, query_code=code, json_code=f"{code}Exception", s3_code=code)


class UnknownCredentialsError(RefusalError):
    def __init__(self, s3_code: str) -> None:
        super().__init__(
            "The security token included in the request is invalid.",
            query_code="InvalidClientTokenId",
            json_code="UnrecognizedClientException",
            s3_code=s3_code,
        )


class ExpiredCredentialsError(RefusalError):
    def __init__(self) -> None:
        message = "The security token included in the request is expired"
        code = "ExpiredToken"
        super().__init__(message, query_code=code, json_code=f"{code}Exception", s3_code=code)


def authorize_service(service: str, access: Access, context: Mapping[str, str]) -> Decision:
    """May an AWS service itself do this? Only the resource's policy can allow it."""
    return _decide(Principal(service=service), [], access, {**context})


def assume_as_service(service: str, role_arn: str, session: str, source_arn: str) -> AssumedRole:
    """A session of the role that an AWS service works under.

    AccessDeniedError where the trust policy does not let the service in.
    """
    account = role_arn.split(":")[4]
    context = {"aws:SourceArn": source_arn, "aws:SourceAccount": source_arn.split(":")[4]}
    decision = authorize_service(service, role_access(role_arn), context)
    if not decision.allowed:
        raise AccessDeniedError(decision.reason)
    return sts_backends[account][PARTITION].assume_role(
        region_name="us-east-1",
        role_session_name=session,
        role_arn=role_arn,
        policy="",
        duration=3600,
        external_id="",
    )


@contextmanager
def enforced() -> Iterator[None]:
    """Authorize every call to moto as long as this lasts."""
    with ExitStack() as stack:
        stack.enter_context(
            patch.object(BaseResponse, "call_action", _checked(BaseResponse.call_action))
        )
        stack.enter_context(
            patch.object(
                ActionAuthenticatorMixin, "_authenticate_and_authorize_action", _check_moto_action
            )
        )
        stack.enter_context(patch.object(FakeBucket, "get_permission", _left_to_us))
        yield


def _checked(call_action: Any) -> Any:
    @functools.wraps(call_action)
    def checked(response: BaseResponse) -> Any:
        try:
            _authorize(response)
        except RefusalError as refusal:
            return _answer(response, refusal)
        return call_action(response)

    return checked


def _answer(response: BaseResponse, refusal: RefusalError) -> tuple[int, dict[str, str], str]:
    if _speaks_json(response):
        code = refusal.json_code
        body = json.dumps({"__type": code, "message": refusal.message})
        return 403, {"x-amzn-ErrorType": code, "Content-Type": "application/json"}, body
    error = f"<Code>{refusal.query_code}</Code><Message>{escape(refusal.message)}</Message>"
    body = f"<ErrorResponse><Error><Type>Sender</Type>{error}</Error></ErrorResponse>"
    return 403, {"Content-Type": "text/xml"}, body


def _speaks_json(response: BaseResponse) -> bool:
    if _service(response) in REST_JSON:
        return True
    return "json" in response.headers.get("Content-Type", "") or str(response.body)[:1] == "{"


def _check_moto_action(response: BaseResponse, iam_request_cls: type, resource: str = "*") -> None:
    """S3 answers by itself and asks here; all other services were checked before they began."""
    if iam_request_cls.__name__ != "S3IAMRequest":
        return
    try:
        _authorize_s3(response, resource)
    except RefusalError as refusal:
        raise S3ClientError(refusal.s3_code, refusal.message) from refusal


def _authorize_s3(response: BaseResponse, resource: str) -> None:
    identity = _identity(response)
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
    if "Authorization" not in response.headers:
        return  # moto's own endpoints and unsigned operations carry none
    identity = _identity(response)
    operation = response._get_action()  # noqa: SLF001  moto's own way
    service = _service(response)
    if (service, operation) == ("sts", "GetCallerIdentity"):
        return
    call = Call(response.current_account, response.region, _parameters(response))
    for access in accesses(service, operation, call):
        decision = _decide_for(identity, access, response.region)
        if not decision.allowed:
            raise AccessDeniedError(_message(identity, access, decision))


def _service(response: BaseResponse) -> str:
    scope = response.headers["Authorization"].split("Credential=")[1].split(",")[0]
    service = scope.split("/")[3]
    return str(SERVICE_PREFIXES.get(service, service))


def _parameters(response: BaseResponse) -> Mapping[str, Any]:
    body = response.body
    text = body.decode("utf-8", "replace") if isinstance(body, bytes) else str(body or "")
    if text.startswith("{"):
        document = json.loads(text)
        return document if isinstance(document, dict) else {}
    return {name: values[0] for name, values in response.querystring.items() if values}


def _message(identity: Identity, access: Access, decision: Decision) -> str:
    return (
        f"User: {identity.arn} is not authorized to perform: {access.action} "
        f"on resource: {access.resource} because {decision.reason}"
    )


def _identity(response: BaseResponse) -> Identity:
    try:
        identity = create_access_key(
            account_id=response.current_account,
            partition=PARTITION,
            access_key_id=response.access_key,
            headers=response.headers,
        )
    except CreateAccessKeyFailure as failure:
        raise UnknownCredentialsError(S3_CREDENTIAL_CODES[failure.reason]) from failure
    if isinstance(identity, AssumedRoleAccessKey):
        _refuse_expired(response)
    return identity


def _refuse_expired(response: BaseResponse) -> None:
    sessions = sts_backends[response.current_account][PARTITION]
    session = sessions.get_assumed_role_from_access_key(response.access_key)
    if session is not None and session.expiration.replace(tzinfo=None) <= utcnow():
        raise ExpiredCredentialsError


def _decide_for(identity: Identity, access: Access, region: str) -> Decision:
    principal = _principal(identity)
    context = {
        "aws:PrincipalArn": principal.role_arn or principal.arn or "",
        "aws:PrincipalAccount": identity.account_id,
        "aws:RequestedRegion": region,
        **_membership("aws:PrincipalOrgID", identity.account_id),
    }
    return _decide(principal, _identity_policies(identity), access, context)


def _decide(
    principal: Principal,
    identity_policies: Sequence[NamedPolicy],
    access: Access,
    context: Mapping[str, str],
) -> Decision:
    account = access.account or principal.account
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
    policy = access.policy
    return decide(
        request,
        identity_policies=identity_policies,
        resource_policy=None if policy is None else _parsed(policy, access.resource, access.kind),
        kind=access.kind,
    )


def _membership(key: str, account: str) -> dict[str, str]:
    organization = organization_of(account)
    return {} if organization is None else {key: organization}


def _principal(identity: Identity) -> Principal:
    if isinstance(identity, IAMUserAccessKey):
        return Principal(arn=identity.arn, account=identity.account_id)
    name = identity._owner_role_name  # noqa: SLF001  moto tells it nowhere else
    role = iam(identity.account_id).get_role(name)
    return Principal(arn=identity.arn, role_arn=role.arn, account=identity.account_id)


def _identity_policies(identity: Identity) -> list[NamedPolicy]:
    return [
        _parsed(_document(policy), f"{identity.arn} policy {index}", None)
        for index, policy in enumerate(identity.collect_policies())
    ]


def _document(policy: Any) -> str:
    """A role's policy is a JSON text, a user's a record with one; a managed one has versions."""
    if isinstance(policy, str):
        return policy
    if isinstance(policy, dict):
        return str(policy["policy_document"])
    return str(next(version for version in policy.versions if version.is_default).document)


@functools.lru_cache(maxsize=1024)
def _parsed(document: str, name: str, kind: ResourcePolicyKind | None) -> NamedPolicy:
    return parse_policy(document, name, kind)
