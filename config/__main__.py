"""The command `python -m config`: is the configuration right? Says all that is not."""

import os
import sys
from pathlib import Path

from config.errors import ConfigError
from config.loader import load, settings_path


def main() -> int:
    try:
        load(settings_path(os.environ, Path(__file__).parents[1]))
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
