"""Findings into one account's Security Hub; what it refuses is told, finding by finding."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .aws import AWS_ERRORS, SecurityHubClient
from .finding import Asff

# https://docs.aws.amazon.com/securityhub/latest/partnerguide/guidelines-batchimportfindings.html
_BATCH_FINDINGS = 100
_BATCH_BYTES = 6_000_000  # the page says 6 MB, and a request holds more than its findings


@dataclass(frozen=True, slots=True)
class SecurityHub:
    client: SecurityHubClient

    def import_findings(self, findings: Sequence[Asff]) -> dict[str, str]:
        """Import all; the result tells why by the Id of each finding that was not imported."""
        refused: dict[str, str] = {}
        for batch in batches(findings):
            refused |= self._import_batch(batch)
        return refused

    def _import_batch(self, batch: Sequence[Asff]) -> dict[str, str]:
        try:
            response = self.client.batch_import_findings(Findings=batch)
        except AWS_ERRORS as error:
            return {str(finding["Id"]): str(error) for finding in batch}
        return {
            failed["Id"]: f"{failed['ErrorCode']}: {failed['ErrorMessage']}"
            for failed in response["FailedFindings"]
        }


def batches(findings: Sequence[Asff]) -> Iterator[list[Asff]]:
    """Split in order, so that each batch is within the limits of one call."""
    batch: list[Asff] = []
    size = 0  # bytes
    for finding in findings:
        added = len(json.dumps(finding))
        if batch and (len(batch) == _BATCH_FINDINGS or size + added > _BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(finding)
        size += added
    if batch:
        yield batch
