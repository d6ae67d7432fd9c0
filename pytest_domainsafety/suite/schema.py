"""The JSON Schema of a suite file, for editors.

`python -m pytest_domainsafety.suite.schema` writes the published copy; a test
holds that copy to the models in `types`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pytest_domainsafety.types import Suite

SCHEMA_FILE = Path(__file__).parents[1] / "schema" / "suite.schema.json"
"""The published copy, in the package."""


def suite_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of one `*.safety.yaml` file."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "pytest-domainsafety suite",
        **{
            key: value
            for key, value in Suite.model_json_schema(by_alias=True).items()
            if key != "title"
        },
    }


def schema_text() -> str:
    """Return the schema as the published file has it."""
    return json.dumps(suite_schema(), indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    """Write the published copy."""
    SCHEMA_FILE.parent.mkdir(exist_ok=True)
    SCHEMA_FILE.write_text(schema_text(), encoding="utf-8")


if __name__ == "__main__":
    main()
