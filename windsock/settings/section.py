"""What every part of windsock.yaml is built on."""

# Annotations are values in this module: pydantic would compile each text, in each callback's process.

import ast
import inspect
from itertools import pairwise
from typing import Any

from pydantic import BaseModel, ConfigDict
from typing_extensions import Self


def _describe(schema: dict[str, Any], model: type[BaseModel]) -> None:
    """Put the texts below the keys into the JSON schema. At class creation it would cost each process 45 ms."""
    sections = [one for one in model.__mro__ if issubclass(one, Section) and one is not Section]
    bodies = [getattr(ast.parse(inspect.getsource(one)).body[0], "body", []) for one in sections]
    for key, text in (pair for body in bodies for pair in pairwise(body)):
        if isinstance(key, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
            name = model.model_fields[ast.unparse(key.target)].alias or ast.unparse(key.target)
            schema["properties"][name]["description"] = inspect.cleandoc(str(text.value.value))


class Public:
    """Marks a text that no secret is written into: an error may repeat what stands there."""


class Section(BaseModel):
    """A part of windsock.yaml: immutable, and a key that it does not know is an error.

    What pydantic needs to check one is built when the first is checked, of all that it holds at once.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra=_describe, defer_build=True)

    @classmethod
    def unset(cls) -> Self:
        """The section as it is where no key of it is given; `cls()`, for which nothing needs to be built."""
        return cls.model_construct()  # type: ignore[return-value]  # pydantic's plugin loses Self
