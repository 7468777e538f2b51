"""The app's stacks, synthesized in the order of their deployment."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

from cdktf import App, TerraformStack

from compiler.detection import Detection
from config.settings import Settings
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
