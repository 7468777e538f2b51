"""`python -m operations.detections match | render | list`."""

import signal
import sys


def run() -> int:
    # As other commands do: the end, and no word of it, where `| head` has seen enough.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        # Loaded here, so that Ctrl-C is as quiet in the half second that loading takes.
        from operations.detections import main  # noqa: PLC0415
        from operations.detections.terminal import Terminal  # noqa: PLC0415

        return main(sys.argv[1:], Terminal.of_process())
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(run())
