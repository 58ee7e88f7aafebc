"""Pages and schemas that come from the code are what the code says now. ``make docs`` brings them up to date."""

import json
import re
import tomllib
from pathlib import Path

import jsonschema
import pytest

from auditor.cli._pages import page
from auditor.config.schema import config_schema

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
LINK = re.compile(r"(?<!\!)\[[^\]]+\]\(([^)#\s]+)(?:#[^)\s]*)?\)")


def test_the_help_of_every_command():
    assert (DOCS / "commands.md").read_text("utf-8") == page(), "docs/commands.md is out of date: run `make docs`"


def test_the_schema_of_the_configuration():
    schema = json.loads((DOCS / "schema" / "config.json").read_text("utf-8"))
    assert schema == config_schema(), "docs/schema/config.json is out of date: run `make docs`"
    example = re.search(r"```toml\n(select = .*?)```", (DOCS / "configuration.md").read_text("utf-8"), re.DOTALL)[1]
    jsonschema.validate(tomllib.loads(example), schema)
    for wrong in ({"selekt": []}, {"select": ["no-such-rule"]}, {"jobs": 0}, {"format": "yaml"}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, schema)


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "docs"])
def test_links_between_pages_lead_somewhere(name):
    place = ROOT / name
    for source in place.rglob("*.md") if place.is_dir() else (place,):
        text = re.sub(r"```.*?```|`[^`\n]*`", "", source.read_text("utf-8"), flags=re.DOTALL)
        for target in LINK.findall(text):
            if "://" not in target:
                assert (source.parent / target).exists(), f"{source.relative_to(ROOT)}: {target}"
