"""What every stack has: a state, the tags, and a provider for each account that it works in."""

from typing import Any

from cdktf import LocalBackend, S3Backend, TerraformOutput, TerraformStack
from constructs import Construct

from config.settings import LocalState, S3State, Settings
from modules import aws
from modules.naming import Names


class RootwatchStack(TerraformStack):
    """`name` is the stack's name for `cdktf deploy` and its state's."""

    def __init__(self, scope: Construct, name: str, settings: Settings) -> None:
        super().__init__(scope, name)
        self.settings = settings
        self.names = Names(settings)
        self._name = name
        self._store_state(settings.state)

    def _store_state(self, state: LocalState | S3State) -> None:
        if isinstance(state, LocalState):
            # Relative to cdktf.out/stacks/NAME, where Terraform runs: the same synth anywhere.
            LocalBackend(self, path=f"../../../terraform.{self._name}.tfstate")
            return
        S3Backend(
            self,
            bucket=state.bucket,
            key=f"{state.key_prefix}/{self._name}.tfstate",
            region=state.region,
            encrypt=True,
            kms_key_id=state.kms_key_id,
        )
        # Terraform 1.10 locks by a file beside the state; CDKTF's class does not know the option.
        self.add_override("terraform.backend.s3.use_lockfile", True)  # noqa: FBT003  jsii's signature

    def provider(self, alias: str, account: str, region: str | None = None) -> aws.AwsProvider:
        """A provider in `account`, in the home region unless another is named.

        It works by the deployment role, but for the management account, whose credentials are the
        ones that deploy.
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
            default_tags=[aws.AwsProviderDefaultTags(tags=self._tags())],
            **assumed,
        )

    def _tags(self) -> dict[str, str]:
        return {"project": self.settings.name_prefix, **dict(self.settings.tags)}

    def output(self, name: str, value: str, description: str) -> None:
        """A child of the stack itself, so that CDKTF leaves its name as it is."""
        TerraformOutput(self, name, value=value, description=description)
