"""The organization trail, with its bucket in the log archive account.

The security account creates it as CloudTrail's delegated administrator and has its log group.
"""

from constructs import Construct

from config.settings import Settings
from modules.organization_trail import OrganizationTrail
from modules.trail_archive import TrailArchive
from stacks.base import RootwatchStack


class TrailStack(RootwatchStack):
    def __init__(self, scope: Construct, settings: Settings) -> None:
        super().__init__(scope, "trail", settings)
        names, accounts = self.names, settings.accounts
        archive = TrailArchive(
            self,
            "archive",
            names=names,
            provider=self.provider("log_archive", accounts.log_archive),
        )
        OrganizationTrail(
            self,
            "organization_trail",
            names=names,
            archive=archive,
            management=self.provider("management", accounts.management),
            provider=self.provider("security", accounts.security),
        )
        self.output("trail_arn", names.trail_arn, "ARN of the organization trail.")
        self.output(
            "trail_bucket_name",
            names.trail_bucket,
            "Name of the bucket with the trail's log files, in the log archive account.",
        )
        self.output(
            "trail_key_arn", archive.key.arn, "ARN of the key that encrypts the trail's log files."
        )
        self.output(
            "trail_log_group_name",
            names.trail_log_group,
            "Name of the log group with the trail's events, in the security account.",
        )
