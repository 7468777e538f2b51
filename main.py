"""The CDKTF app: load the configuration and synthesize the stacks."""

import os
import sys
from pathlib import Path

from compiler import catalog
from compiler.cloudwatch import check_log_group
from compiler.errors import DetectionError, SelectionError
from config.errors import ConfigError
from config.loader import load, settings_path


def main() -> int:
    try:
        settings = load(settings_path(os.environ, Path(__file__).parent))
        detections = catalog.enabled(settings)
        check_log_group(detections)
    except (ConfigError, SelectionError, DetectionError) as error:
        print(error, file=sys.stderr)  # noqa: T201  the message for the terminal
        return 2
    # Loading it takes seconds, which errors should not wait for.
    from stacks.app import forget_other_deployments, synthesize  # noqa: PLC0415

    synthesize(settings, detections)
    forget_other_deployments(settings, Path(os.environ.get("CDKTF_OUTDIR") or "cdktf.out"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
