"""Credentials of the account that owns a finding."""

from dataclasses import dataclass

from .aws import AWS_ERRORS, Credentials, StsClient
from .errors import AccountAccessError

_SESSION_NAME = "rootwatch-finding-importer"


@dataclass(frozen=True, slots=True)
class OwningAccounts:
    sts: StsClient
    partition: str
    role_name: str

    def credentials(self, account: str) -> Credentials:
        """Assume the account's role; AccountAccessError where it cannot be."""
        role = f"arn:{self.partition}:iam::{account}:role/{self.role_name}"
        try:
            assumed = self.sts.assume_role(RoleArn=role, RoleSessionName=_SESSION_NAME)
        except AWS_ERRORS as error:
            raise AccountAccessError(account, f"cannot assume {role}: {error}") from error
        keys = assumed["Credentials"]
        return Credentials(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
