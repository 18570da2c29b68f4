"""Where things are in the checkout, for every test."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
SAMPLES = ROOT / "tests/samples"
BUILD = ROOT / "build"
LOCKS = ROOT / "locks"
