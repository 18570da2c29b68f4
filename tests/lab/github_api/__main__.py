"""`python -m tests.lab.github_api serve`: an API that serves until it is stopped."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from pathlib import Path

from .running import running_api


def _host_and_port(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT, as 10.77.0.1:443 is")
    return host, int(port)


def main(arguments: list[str] | None = None) -> int:
    """Serves until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m tests.lab.github_api", description="Serve the lab's GitHub API.")
    serve = parser.add_subparsers(required=True, metavar="serve").add_parser("serve", help="serve until SIGTERM")
    serve.add_argument("--listen", type=_host_and_port, required=True, metavar="HOST:PORT")
    serve.add_argument("--state-dir", type=Path, required=True, metavar="DIR", help="credentials, log, control.sock")
    options = parser.parse_args(arguments)

    stop = threading.Event()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signal_number, lambda *_: stop.set())
    try:
        with running_api(options.state_dir, options.listen) as api:
            print(f"serving {api.url}, scripted through {api.control.socket_path}", flush=True)
            stop.wait()
    except OSError as error:
        host, port = options.listen
        print(f"cannot serve on {host}:{port} with {options.state_dir}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
