"""CloudFormation's access to the organization, without which no stack set is service-managed.

Organizations' EnableAWSServiceAccess alone does not give it.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stacksets-orgs-activate-trusted-access.html
"""

from typing import Any

from sandbox.cloudformation.stack_sets.errors import invalid, not_allowed
from sandbox.organizations.organization import MANAGEMENT, organization

SERVICE = "member.org.stacksets.cloudformation.amazonaws.com"


class TrustedAccess:
    """It lasts as long as the entry in Organizations that its activation found or made."""

    def __init__(self) -> None:
        self._entry = _entry()

    @property
    def is_active(self) -> bool:
        return self._entry is not None and self._entry is _entry()

    def activate(self, caller: str) -> None:
        _require_management(caller)
        organization().enable_aws_service_access(ServicePrincipal=SERVICE)
        self._entry = _entry()

    def deactivate(self, caller: str) -> None:
        _require_management(caller)
        organization().disable_aws_service_access(ServicePrincipal=SERVICE)

    def status(self, caller: str) -> str:
        _require_management(caller)
        return "ENABLED" if self.is_active else "DISABLED"

    def require(self, caller: str) -> None:
        """CloudFormation's ValidationError, unless the caller may have service-managed sets."""
        if caller != MANAGEMENT.id:
            raise invalid(
                "You must be the management account or delegated admin account of an "
                "organization before operating a SERVICE_MANAGED stack set"
            )
        if not self.is_active:
            raise invalid(
                "You must enable organizations access to operate a service managed stack set"
            )


def _entry() -> dict[str, Any] | None:
    services = organization().services
    return next((one for one in services if one["ServicePrincipal"] == SERVICE), None)


def _require_management(caller: str) -> None:
    if caller != MANAGEMENT.id:
        raise not_allowed("Only the management account of an organization can do this")
