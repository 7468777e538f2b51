"""The base of every stack: state, tags, and a provider for each account."""

from typing import Any

from cdktf import LocalBackend, S3Backend, TerraformOutput, TerraformStack
from constructs import Construct

from config.settings import LocalState, S3State, Settings
from modules import aws
from modules.naming import Names


class RootwatchStack(TerraformStack):
    """`name` is the stack's name for `cdktf deploy` and in the name of its state."""

    def __init__(self, scope: Construct, name: str, settings: Settings) -> None:
        super().__init__(scope, name)
        self.settings = settings
        self.names = Names(settings)
        self._name = name
        self._store_state(settings.state)

    def _store_state(self, state: LocalState | S3State) -> None:
        if isinstance(state, LocalState):
            # Relative to cdktf.out/stacks/NAME, where Terraform runs.
            LocalBackend(self, path=f"../../../{self.names.state_file(self._name)}")
            return
        S3Backend(
            self,
            bucket=state.bucket,
            key=f"{state.key_prefix}/{self.names.state_key(self._name)}",
            region=state.region,
            encrypt=True,
            kms_key_id=state.kms_key_id,
        )
        # Terraform 1.10 introduced this option, which CDKTF's class does not have.
        self.add_override("terraform.backend.s3.use_lockfile", True)  # noqa: FBT003  jsii's signature

    def provider(self, alias: str, account: str, region: str | None = None) -> aws.AwsProvider:
        """A provider for `account` in `region`, by default the home Region.

        It assumes the deployment role. The management account needs none: the deployment runs with
        its credentials.
        """
        settings = self.settings
        assumed: dict[str, Any] = {}
        if account != settings.accounts.management:
            role = f"arn:{settings.partition}:iam::{account}:role/{settings.deployment_role}"
            assumed["assume_role"] = [
                aws.AwsProviderAssumeRole(role_arn=role, session_name=settings.name_prefix)
            ]
        return aws.AwsProvider(
            self,
            alias,
            alias=alias,
            region=region or settings.home_region,
            allowed_account_ids=[account],
            default_tags=[aws.AwsProviderDefaultTags(tags=settings.all_tags)],
            **assumed,
        )

    def output(self, name: str, value: str, description: str) -> None:
        """A child of the stack, so that CDKTF does not add a suffix to its name."""
        TerraformOutput(self, name, value=value, description=description)
