"""The app's stacks, synthesized in the order of their deployment."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

from cdktf import App, TerraformStack

from compiler.detection import Detection
from config.settings import Settings
from modules.naming import Names
from stacks.detection import DetectionStack
from stacks.organization import OrganizationStack
from stacks.security_hub import SecurityHubStack
from stacks.trail import TrailStack


def synthesize(
    settings: Settings, detections: Sequence[Detection], output: Path | None = None
) -> None:
    """Write the Terraform JSON to `output`, by default to the folder that `cdktf` expects."""
    with TemporaryDirectory() as build:
        app = App(outdir=str(output) if output else None)
        stacks: list[TerraformStack] = []
        if settings.trail.managed:
            stacks.append(TrailStack(app, settings))
        stacks.append(DetectionStack(app, settings, detections, Path(build)))
        stacks.append(OrganizationStack(app, settings))
        stacks.append(SecurityHubStack(app, settings))
        for earlier, later in pairwise(stacks):
            later.add_dependency(earlier)
        app.synth()


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
