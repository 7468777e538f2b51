"""Findings into one account's Security Hub; what it refuses is told, finding by finding."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..aws import AWS_ERRORS, SecurityHubClient
from ..findings import refusal
from ..findings.finding import Asff
from ..findings.refusal import Cause, Refusal
from .batches import batches

# https://docs.aws.amazon.com/securityhub/latest/partnerguide/guidelines-batchimportfindings.html
_BATCH_FINDINGS = 100
_BATCH_BYTES = 6_000_000  # the page says 6 MB, and a request holds more than its findings
# Where something between us and the service answers 200, botocore gives what it made out.
_NO_ANSWER = Refusal(Cause.NO_ANSWER, "the answer does not say which findings failed")


@dataclass(frozen=True, slots=True)
class SecurityHub:
    client: SecurityHubClient

    def import_findings(self, findings: Sequence[Asff]) -> dict[str, Refusal]:
        """Import all; the result tells why, by the Id of each finding that was not imported."""
        refused: dict[str, Refusal] = {}
        for batch in batches(findings, _BATCH_FINDINGS, _BATCH_BYTES):
            refused |= self._import_batch(batch)
        return refused

    def _import_batch(self, batch: Sequence[Asff]) -> dict[str, Refusal]:
        try:
            response = self.client.batch_import_findings(Findings=batch)
        except AWS_ERRORS as error:
            return self._refused(batch, refusal.of_import(error))
        if "FailedFindings" not in response:
            return self._refused(batch, _NO_ANSWER)
        failures = response.get("FailedFindings", ())
        if len(failures) != response["FailedCount"]:
            why = f"{response['FailedCount']} findings failed, {len(failures)} are named"
            return self._refused(batch, Refusal(Cause.NO_ANSWER, why))
        return {
            failed["Id"]: refusal.of_finding(failed["ErrorCode"], failed["ErrorMessage"])
            for failed in failures
        }

    def _refused(self, batch: Sequence[Asff], why: Refusal) -> dict[str, Refusal]:
        """A call that is invalid as a whole may be so by one finding: each gets its own chance."""
        if why.cause is Cause.FINDING_INVALID and len(batch) > 1:
            middle = len(batch) // 2
            return self._import_batch(batch[:middle]) | self._import_batch(batch[middle:])
        return {str(finding["Id"]): why for finding in batch}
