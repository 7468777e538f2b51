"""Imports findings into the Security Hub of an account, by the credentials of its member role."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from ..aws import AWS_ERRORS, Credentials, SecurityHubClient, StsClient, batches
from ..findings.finding import Asff
from ..findings.import_status import (
    FailureCause,
    FindingImportFailure,
    assume_role_failure,
    finding_failure,
    import_call_failure,
)

_SESSION_NAME = "rootwatch-finding-importer"
_MIN_VALIDITY = timedelta(minutes=5)  # longer than the function's timeout
# https://docs.aws.amazon.com/securityhub/latest/partnerguide/guidelines-batchimportfindings.html
_BATCH_FINDINGS = 100
_BATCH_BYTES = 6_000_000  # the guide says 6 MB, and a request holds more than its findings
# botocore returns a partial response if, for example, a proxy answers with status 200.
_NO_RESPONSE = FindingImportFailure(
    FailureCause.NO_RESPONSE, "the response does not state which findings failed"
)


@dataclass(frozen=True, slots=True)
class MemberRoleCredentials:
    """Assumes member roles, and caches their credentials until shortly before they expire."""

    sts: StsClient
    partition: str
    role_name: str
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    _cache: dict[str, Credentials] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def get(self, account: str) -> Credentials | FindingImportFailure:
        with self._lock:
            cached = self._cache.get(account)
        if cached and self.now() < cached.expiration - _MIN_VALIDITY:
            return cached
        try:
            assumed = self._assume(account)
        except AWS_ERRORS as error:
            return assume_role_failure(error)
        with self._lock:
            self._cache[account] = assumed
        return assumed

    def discard(self, account: str) -> None:
        """Remove credentials that AWS rejected from the cache."""
        with self._lock:
            self._cache.pop(account, None)

    def _assume(self, account: str) -> Credentials:
        role = f"arn:{self.partition}:iam::{account}:role/{self.role_name}"
        assumed = self.sts.assume_role(RoleArn=role, RoleSessionName=_SESSION_NAME)
        keys = assumed["Credentials"]
        return Credentials(
            keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"], keys["Expiration"]
        )


@dataclass(frozen=True, slots=True)
class SecurityHubImporter:
    client: SecurityHubClient

    def import_findings(self, findings: Sequence[Asff]) -> dict[str, FindingImportFailure]:
        """Import the findings, and return the failures by the finding's Id."""
        failures: dict[str, FindingImportFailure] = {}
        for batch in batches(findings, _BATCH_FINDINGS, _BATCH_BYTES):
            failures |= self._import_batch(batch)
        return failures

    def _import_batch(self, batch: Sequence[Asff]) -> dict[str, FindingImportFailure]:
        try:
            response = self.client.batch_import_findings(Findings=batch)
        except AWS_ERRORS as error:
            return self._batch_failure(batch, import_call_failure(error))
        if "FailedFindings" not in response:
            return self._batch_failure(batch, _NO_RESPONSE)
        failed = response["FailedFindings"]
        if len(failed) != response["FailedCount"]:
            detail = f"{response['FailedCount']} findings failed, {len(failed)} are listed"
            return self._batch_failure(
                batch, FindingImportFailure(FailureCause.NO_RESPONSE, detail)
            )
        return {one["Id"]: finding_failure(one["ErrorCode"], one["ErrorMessage"]) for one in failed}

    def _batch_failure(
        self, batch: Sequence[Asff], failure: FindingImportFailure
    ) -> dict[str, FindingImportFailure]:
        """Split an invalid batch, because one finding can make the whole call invalid."""
        if failure.cause is FailureCause.FINDING_INVALID and len(batch) > 1:
            middle = len(batch) // 2
            return self._import_batch(batch[:middle]) | self._import_batch(batch[middle:])
        return {str(finding["Id"]): failure for finding in batch}
