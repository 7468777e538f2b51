"""What a stack may do in its account: service control policies limit its resources.

A stack set acts in a member account with a role that allows everything and that is no
service-linked role.
https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stacksets-orgs-activate-trusted-access.html
"""

from moto.core.exceptions import ServiceException

from sandbox.iam.control_policies import control_policies, decide_by

ROLE = "stacksets-exec"
SESSION = "StackSet"


class ResourceDeniedError(ServiceException):
    code = "AccessDenied"


def require(account: str, action: str, resource: str) -> None:
    """Raises ResourceDeniedError where a service control policy denies the action."""
    levels = control_policies(account)
    if not levels:
        return
    principal = f"arn:aws:sts::{account}:assumed-role/{ROLE}/{SESSION}"
    decision = decide_by(levels, account, principal, action, resource)
    if not decision.allowed:
        service = action.split(":", maxsplit=1)[0].capitalize()
        raise ResourceDeniedError(
            f'Resource handler returned message: "User: {principal} is not authorized to perform: '
            f"{action} on resource: {resource} {decision.clause} (Service: {service}, Status Code: "
            '403)" (HandlerErrorCode: AccessDenied)'
        )
