"""The JSON Schema of the native format, made from the types themselves."""

from __future__ import annotations

from typing import Any

import msgspec

from paxcheck.trace.events import VERSION, Event, Header


def trace_schema() -> dict[str, Any]:
    """The schema of one line: the header on the first line, an event on every other."""
    (header, event), definitions = msgspec.json.schema_components(
        [Header, Event], ref_template="#/$defs/{name}"
    )
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"paxcheck trace, version {VERSION}",
        "description": "JSON Lines: the first line is a Header, every other line is an Event.",
        "oneOf": [header, event],
        "$defs": definitions,
    }
