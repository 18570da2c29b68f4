"""Puts the collection into the wheel, where ansible-core finds it on ``sys.path``."""

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

COLLECTION = "ansible_collections/skewgate/preflight"
ENTRIES = ("plugins", "roles", "playbooks", "meta", "galaxy.yml", "requirements.txt", "bindep.txt")


class CollectionHook(BuildHookInterface):  # type: ignore[type-arg]
    """Maps the checkout's folders to the collection's place;
    an editable install reads the checkout itself.
    """

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Hatchling's hook; ``version`` is ``standard`` or ``editable``."""
        if version == "standard":
            build_data["force_include"].update({entry: f"{COLLECTION}/{entry}" for entry in ENTRIES})
