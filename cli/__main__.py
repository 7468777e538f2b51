"""What the launcher `rootwatch` runs."""

import signal
import sys


def run() -> None:
    # As in other filters: `| head` ends the command without a message.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        # Loaded here, so that Ctrl-C is as quiet during the tenth of a second that loading takes.
        from cli.app import app  # noqa: PLC0415

        app(prog_name="rootwatch")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    run()
