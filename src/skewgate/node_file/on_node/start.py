"""The start of the node's file; any Python reads it, to say what it needs."""

import sys

sys.dont_write_bytecode = True
# Nothing but Python's library: what this node's administrator has installed is not asked.
sys.path[1:] = [path for path in sys.path[1:] if "site-packages" not in path and "dist-packages" not in path]

if sys.version_info < (3, 8):  # noqa: UP036 - any Python may start it
    found = ".".join(map(str, sys.version_info[:2]))
    sys.stderr.write("skewgate-node: expected Python 3.8 or later, found " + found + "\n")
    sys.exit(2)

from skewgate_node import main  # noqa: E402

if __name__ == "__main__":
    if sys.stdout:
        sys.stdout.reconfigure(errors="backslashreplace")  # the locale may not have each character
    sys.exit(main(sys.argv[1:]))
