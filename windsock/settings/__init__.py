"""Everything that can be configured: `model` is the schema of windsock.yaml, the other modules are what it is made of.

The model is loaded when one of its names is asked for: what it imports (its parts, and the channels) imports from here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from windsock.settings.http import Http
    from windsock.settings.model import Addresses, Alertmanager, Links, Settings, load, validate
else:

    def __getattr__(name: str) -> Any:
        if name not in __all__:  # a submodule, which the import system looks for next
            raise AttributeError(name)
        from windsock.settings import model  # noqa: PLC0415  see above

        return getattr(model, name)


__all__ = ["Addresses", "Alertmanager", "Http", "Links", "Settings", "load", "validate"]
