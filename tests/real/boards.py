"""The boards by their uid, as they lie in the tree: every worker collects tests of each, and to build them takes long.

`test_the_files_in_the_tree_are_what_the_code_makes` holds them to the code.
"""

from __future__ import annotations

import json
from pathlib import Path

from windsock.dashboards import build

_GENERATED = Path(build.__file__).parent / "generated"
UIDS = [json.loads(file.read_text())["uid"] for file in sorted(_GENERATED.glob("*.json"))]
