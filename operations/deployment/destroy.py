"""What keeps a deployment from being destroyed, and what follows from its destruction."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from config.settings import Settings
from operations.deployment.terraform import Terraform
from operations.preflight.access import deployment_role_arn
from operations.preflight.aws import AccountClient, AwsClients

NO_BUCKET = frozenset({"NoSuchBucket", "404"})
GUIDE = "docs/operating.md#remove-rootwatch"


class ProtectedError(Exception):
    """The deployment is protected, or has data that Terraform does not delete."""


def check_protection(settings: Settings, stacks: Sequence[Terraform]) -> None:
    """Before anything is destroyed. Raises ProtectedError or PreflightError."""
    if settings.protect:
        raise ProtectedError(
            "protect: got true, expected false. It protects the trail's bucket, its key and log"
            " group, and the table. To take Rootwatch away:\n"
            "  1. set `protect: false` in the configuration and run `make deploy`\n"
            "  2. run `make destroy`"
        )
    for stack in stacks:
        if any(_protected_tables(stack.state())):
            raise ProtectedError(
                "protect: false is configured, but not deployed: the table is still protected."
                " Run `make deploy` first"
            )


def check_bucket(settings: Settings, clients: AwsClients) -> None:
    """Terraform would remove the bucket's policy and settings first, and then fail."""
    account, bucket = _log_archive(settings, clients), settings.trail.bucket
    found = account.find("s3", "ListObjectVersions", absent=NO_BUCKET, Bucket=bucket, MaxKeys=1)
    if found and (found.get("Versions") or found.get("DeleteMarkers")):
        raise ProtectedError(
            f"the bucket {bucket} in account {account.id} contains log files, which Terraform does"
            " not delete. Nothing was destroyed.\n"
            f"Copy the files that you want to keep, stop the trail and empty the bucket: {GUIDE}"
        )


def consequences(settings: Settings, stacks: Sequence[str]) -> Iterator[str]:
    """In the order of the stacks, for a person who decides."""
    yield f"This removes from {settings.deployment}: {', '.join(stacks)}."
    yield "What stops:"
    if "detection" in stacks:
        yield "  - No root sign-in is detected in any account: no alarm, no notification."
    if "organization" in stacks:
        yield "  - Accounts lose the member role and the event rule: sign-ins arrive by the trail."
    if "security_hub" in stacks and settings.security_hub.managed:
        yield "  - Security Hub loses its administrator: findings are not aggregated any more."
    if "trail" in stacks:
        yield "  - The organization trail and its log group are deleted: their events are gone."
        yield "  - The key of the log files is deleted after 30 days: what it encrypts is lost."
    yield "What remains:"
    if settings.security_hub.managed:
        yield "  - Security Hub in the member accounts, with its findings for 90 days."
    yield "  - Trusted access, the Terraform states, and CloudTrail's event history of 90 days."


def _protected_tables(state: Mapping[str, Any]) -> Iterator[str]:
    for resource in state.get("resources", ()):
        for instance in resource["instances"]:
            if instance["attributes"].get("deletion_protection_enabled"):
                yield resource["type"]


def _log_archive(settings: Settings, clients: AwsClients) -> AccountClient:
    account = settings.accounts.log_archive
    if account != settings.accounts.management:
        role = deployment_role_arn(settings, account)
        return clients.assume_role(role, settings.name_prefix, settings.home_region)
    region = settings.home_region
    return AccountClient(id=account, region=region, clients=clients, credentials={})
