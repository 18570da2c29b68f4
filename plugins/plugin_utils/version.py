"""The version, as galaxy.yml and pyproject.toml have it (a test compares the three)."""

VERSION = "0.1.0"
