"""The backends that Terraform remembers in the folders of the synthesized stacks."""

from pathlib import Path

from config.settings import Settings
from modules.naming import Names


def forget_other_deployments(settings: Settings, output: Path) -> None:
    """Let `terraform init` start with the state of this deployment.

    Terraform rejects a backend that differs from the remembered one, and proposes to migrate the
    state. That is right if the state of this deployment moves. If another configuration was
    synthesized into the same folder, it would copy the state of the other deployment.
    """
    names = Names(settings)
    for remembered in output.glob("stacks/*/.terraform/terraform.tfstate"):
        stack = remembered.parents[1].name
        text = remembered.read_text(encoding="utf-8")
        if names.state_file(stack) not in text and names.state_key(stack) not in text:
            remembered.unlink()
