from __future__ import annotations

from hypothesis import settings

# How long an example takes says nothing here, and a busy machine would make it fail.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")
