"""`python -m operations check --before`."""

import signal
import sys


def run() -> int:
    # As other commands do: the end, and no word of it, where `| head` has seen enough.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        # Loaded here, so that Ctrl-C is as quiet in the half second that loading takes.
        from operations.command import main  # noqa: PLC0415

        return main(sys.argv[1:], sys.stdout, sys.stderr)
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(run())
