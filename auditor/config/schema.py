"""The configuration's keys as a JSON Schema, for editors that complete and check TOML."""

from __future__ import annotations

from typing import Any

import msgspec

from auditor.config.read import Keys

_ABOUT = {
    "select": "Apply only these rules.",
    "ignore": "Leave these rules out.",
    "format": "What check writes.",
    "color": "Colour the text.",
    "jobs": "Of a sweep or triage: processes.",
    "timeout": "Of a sweep or triage: seconds per pull request.",
    "memory": "Of a sweep or triage: MiB per process.",
    "baseline": "Findings that are known: a file, relative to this one.",
    "rulings": "Findings that were overruled: a file, relative to this one.",
    "templates": "Templates that go before golf-audit's: a folder, relative to this file.",
    "wording": "Sentences of comments in your words: a file, relative to this one.",
    "repo_url": "Where the lines of comments link to.",
    "smoke": "Kept results of golf-audit smoke, told in comments: a file, relative to this one.",
    "results": "Kept results of a sweep, for pull requests with the same lines: a file, relative to this one.",
    "min_severity": "Show only findings that matter at least so much.",
    "confidence": "Show only findings that are at least so sure.",
}
_CHOICES = {
    "format": ["text", "json", "markdown", "html", "sarif", "github"],
    "color": ["auto", "always", "never"],
    "min_severity": ["low", "medium", "high"],
    "confidence": ["low", "medium", "high"],
}


def config_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of ``golf-audit.toml`` and of ``[tool.golf-audit]``."""
    from auditor import catalogue

    schema = msgspec.json.schema(Keys)["$defs"]["Keys"]
    slugs = [rule.slug for rule in catalogue.load()]
    properties: dict[str, Any] = {}
    for name, found in schema["properties"].items():
        values = {key: value for key, value in found.items() if key != "default"}
        # TOML has no null: a key is there or it isn't.
        options = [each for each in values.get("anyOf", [values]) if each.get("type") != "null"]
        own = dict(options[0])
        if name in ("select", "ignore"):
            own["items"] = {"enum": slugs}
        if name in _CHOICES:
            own = {"enum": _CHOICES[name]}
        properties[name] = {**own, "description": _ABOUT[name]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "golf-audit.toml",
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
    }
