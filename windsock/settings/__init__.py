"""Everything that can be configured: `root` is the schema of windsock.yaml, the other modules are what it is made of.

A name is imported when it is asked for: what `root` imports (its sections, and the channels) imports from here.
`sections` gives a process that is about to end those alone that it asks for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from windsock.settings.http import Http
    from windsock.settings.model import Addresses, Alertmanager, Links
    from windsock.settings.root import Settings, load, validate
else:
    _MODULES = {"Addresses": "model", "Alertmanager": "model", "Http": "http", "Links": "model"}

    def __getattr__(name: str) -> Any:
        if name not in __all__:  # a submodule, which the import system looks for next
            raise AttributeError(name)
        return getattr(importlib.import_module(f"{__name__}.{_MODULES.get(name, 'root')}"), name)


__all__ = ["Addresses", "Alertmanager", "Http", "Links", "Settings", "load", "validate"]
