"""Why something could not be looked at."""

REFUSED = frozenset({"403", "AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})


class PreflightError(Exception):
    """What the preflight itself can meet; anything else is a mistake in it."""


class NothingCheckedError(PreflightError):
    """No credentials, or AWS does not answer: there is nothing to begin with."""

    needed = "credentials of an administrator of the management account, as AWS_PROFILE"


class NoEndpointError(NothingCheckedError):
    """The environment or the profile names an address of AWS that is none."""

    needed = "AWS_ENDPOINT_URL, where it is set at all, is an address like http://127.0.0.1:5000"


class NotLookedAtError(PreflightError):
    """What another check tells of keeps this one from looking."""

    @property
    def because(self) -> str:
        return str(self.args[0])


class CannotEnterError(NotLookedAtError):
    """The deployment role of an account cannot be assumed."""

    def __init__(self, account: str, reason: str) -> None:
        super().__init__(f"the account {account} cannot be entered")
        self.reason = reason  # in AWS's words


class ReadError(PreflightError):
    """A call that AWS refused, or that got no answer."""

    def __init__(self, *, permission: str, account: str, region: str, code: str, text: str) -> None:
        super().__init__(permission, account, region, code, text)
        self.permission = permission  # what allows the call, like s3:ListBucket
        self.account = account
        self.region = region
        self.code = code
        self.text = text

    @property
    def is_refusal(self) -> bool:
        return self.code in REFUSED

    def __str__(self) -> str:
        return f"{self.permission} in {self.account}, {self.region}: {self.code}: {self.text}"
