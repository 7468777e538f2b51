"""The CDKTF app: load the config, build the stacks, synthesize."""

import os
import sys
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

from cdktf import App, TerraformStack

from compiler import selection
from compiler.cloudwatch import check_log_group
from compiler.errors import DetectionError, SelectionError
from config.errors import ConfigError
from config.loader import load, settings_path
from stacks.detection import DetectionStack
from stacks.organization import OrganizationStack
from stacks.trail import TrailStack


def main() -> int:
    try:
        settings = load(settings_path(os.environ, Path(__file__).parent))
        detections = selection.enabled(settings)
        check_log_group(detections)
    except (ConfigError, SelectionError, DetectionError) as error:
        print(error, file=sys.stderr)  # noqa: T201  for the person at the terminal
        return 2
    with TemporaryDirectory() as build:
        app = App()
        stacks: list[TerraformStack] = []
        if settings.trail.managed:
            stacks.append(TrailStack(app, settings))
        stacks.append(DetectionStack(app, settings, detections, Path(build)))
        stacks.append(OrganizationStack(app, settings))
        for earlier, later in pairwise(stacks):
            later.add_dependency(earlier)
        app.synth()
    return 0


if __name__ == "__main__":
    sys.exit(main())
