"""Requests to Security Hub: the caller, and the parameters checked by the API's model."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

from moto.core.model import Shape
from moto.core.responses import ActionResult, BaseResponse

from sandbox import pages
from sandbox.security_hub.conformance import service_model, violations
from sandbox.security_hub.errors import InvalidInputError
from sandbox.security_hub.findings import Caller

DEFAULT_PAGE_SIZE = 100


class SecurityHubRequest(BaseResponse):
    def __init__(self) -> None:
        super().__init__(service_name="securityhub")

    @property
    def caller(self) -> Caller:
        return Caller(account_id=self.current_account, region=self.region, partition=self.partition)

    @property
    def where(self) -> tuple[str, str]:
        """The account of the caller and the Region of the call."""
        return self.current_account, self.region

    def parameters(self) -> dict[str, Any]:
        """The input of the operation. Raises InvalidInputError."""
        shape = service_model().operation_model(self._get_action()).input_shape
        members = cast("Mapping[str, Shape]", shape.members)
        parameters = self.body_parameters()
        for name, member in members.items():
            if (value := self._located(member, name)) is not None:
                parameters[name] = value
        if problems := "; ".join(violations(shape, parameters)):
            raise InvalidInputError(f"Invalid request: {problems}")
        return parameters

    def body_parameters(self) -> dict[str, Any]:
        try:
            parameters = json.loads(self.body or "{}")
        except ValueError as error:
            raise InvalidInputError(f"body: expected JSON: {error}") from error
        if not isinstance(parameters, dict):
            raise InvalidInputError("body: expected a JSON object")
        return parameters

    def _located(self, member: Shape, name: str) -> Any:
        serialization = member.serialization
        wire_name = serialization.get("name", name)
        if serialization.get("location") == "uri":
            return self.uri_match.get(wire_name)
        if serialization.get("location") != "querystring":
            return None
        values: list[str] = self.normalized_request.args.getlist(wire_name)
        if member.type_name == "list" or not values:
            return values or None
        is_number = member.type_name == "integer" and values[0].isdecimal()
        return int(values[0]) if is_number else values[0]

    def _determine_resource(self) -> str:
        """The ARN that moto's IAM compares with the Resource of a policy; moto's default is `*`.

        https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecurityhub.html
        """
        is_import = self._get_action() == "BatchImportFindings"
        return self.caller.default_product_arn if is_import else "*"


def page(items: Sequence[Any], parameters: Mapping[str, Any]) -> tuple[list[Any], dict[str, str]]:
    """One page, and NextToken unless it is the last one."""
    size = parameters.get("MaxResults", DEFAULT_PAGE_SIZE)
    try:
        listed, token = pages.page(items, parameters.get("NextToken"), size)
    except pages.BadTokenError as error:
        raise InvalidInputError("Invalid parameter 'NextToken'") from error
    return list(listed), {"NextToken": token} if token else {}


def answer(**members: Any) -> ActionResult:
    """A response with the members that have a value."""
    return ActionResult({name: value for name, value in members.items() if value is not None})
