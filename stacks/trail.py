"""The organization trail: archived in the log archive account, read in the security account.

The security account creates it, as CloudTrail's delegated administrator.
"""

from constructs import Construct

from config.settings import Settings
from modules.organization_trail import OrganizationTrail
from modules.trail_archive import TrailArchive
from stacks.base import RootwatchStack


class TrailStack(RootwatchStack):
    def __init__(self, scope: Construct, settings: Settings) -> None:
        super().__init__(scope, "trail", settings)
        archive = TrailArchive(
            self,
            "archive",
            settings=settings,
            names=self.names,
            provider=self.provider("log_archive", settings.accounts.log_archive),
        )
        OrganizationTrail(
            self,
            "organization_trail",
            settings=settings,
            names=self.names,
            archive=archive,
            management=self.provider("management", settings.accounts.management),
            provider=self.provider("security", settings.accounts.security),
        )
        self.output("trail_arn", self.names.trail_arn, "The organization trail.")
        self.output(
            "trail_bucket_name",
            self.names.trail_bucket,
            "The bucket in the log archive account that holds the trail's files.",
        )
        self.output("trail_key_arn", archive.key.arn, "The key that encrypts the trail's files.")
        self.output(
            "trail_log_group_name",
            self.names.trail_log_group,
            "The log group in the security account that holds the trail's events.",
        )
