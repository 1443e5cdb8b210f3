"""The JSON Schema of the native format, made from the types themselves."""

from __future__ import annotations

from typing import Any, Union

import msgspec

from paxcheck.paxos.facts import FACTS
from paxcheck.trace.adapters.factfile import FactHeader
from paxcheck.trace.events import VERSION, Event, Header
from paxcheck.trace.log import AnyLogEvent, LogHeader

_FACT: Any = Union[FACTS]  # noqa: UP007 (made of a tuple of classes)


def trace_schema() -> dict[str, Any]:
    """The schema of one line; the header on the first line says what all the others are.

    `kind` "log": what an implementation recorded (`LogHeader`, then log events). "behavior" and
    "trace": the steps of a model (`Header`, then `Event`). "facts": what a shrunken log tells
    (`FactHeader`, then facts).
    """
    (log_header, log_event, header, event, fact_header, fact), definitions = (
        msgspec.json.schema_components(
            [LogHeader, AnyLogEvent, Header, Event, FactHeader, _FACT],
            ref_template="#/$defs/{name}",
        )
    )
    kinds = {
        "Log": ("log", log_header, log_event),
        "Behavior": ("behavior or trace", header, event),
        "Facts": ("facts", fact_header, fact),
    }
    for name, (kind, top, line) in kinds.items():
        definitions[f"{name}Line"] = {
            "title": f"{name}Line",
            "description": f"A line of a file of kind {kind}: the header first, then events.",
            "anyOf": [top, line],
        }
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"paxcheck trace, version {VERSION}",
        "description": "JSON Lines. The first line is a header; its kind says what the lines are.",
        "anyOf": [{"$ref": f"#/$defs/{name}Line"} for name in kinds],
        "$defs": definitions,
    }
    return msgspec.json.decode(msgspec.json.encode(schema))  # as it reads when it is printed
