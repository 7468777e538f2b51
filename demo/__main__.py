"""The demo, until its end or an interruption, after which everything is cleaned up."""

import signal
import sys

from demo.walkthrough import run


def main() -> int:
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))  # unwinds, so that all is cleaned up
    try:
        return run()
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; everything is cleaned up\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
