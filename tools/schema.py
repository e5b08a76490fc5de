"""campaigns/campaign.schema.json, for editors, from the models that check a campaign.

python tools/schema.py            write it
python tools/schema.py --check    exit code 1 if it is not what the models say
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from notifier.campaign import FOLDER, SCHEMA_FILE, json_schema

PATH = Path(__file__).resolve().parents[1] / FOLDER / SCHEMA_FILE


def main(arguments: list[str]) -> int:
    """Write, or check."""
    text = json.dumps(json_schema(), ensure_ascii=False, indent=2) + "\n"
    if arguments == ["--check"]:
        is_fresh = PATH.exists() and PATH.read_text(encoding="utf-8") == text
        print("The schema is fresh." if is_fresh else f"{PATH.name} is old: make schema")
        return 0 if is_fresh else 1
    PATH.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
