"""``python -m skewgate`` is the command ``skewgate``."""

import sys

from .cli import main

sys.exit(main())
