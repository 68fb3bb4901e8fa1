"""Derives what a step's folder carries besides its code: tables of its README.md, its image's lock, shared locks.

`python -m components.paperwork` rewrites what is out of date (`make paperwork`); a test fails while something is.
"""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from components.image_locks import SHARED, image_lock, shared_lock
from components.steps import STEPS, Step

ROOT = Path(__file__).resolve().parent.parent
BEGIN, END = "<!-- derived: begin -->", "<!-- derived: end -->"
KINDS = {"integer": "whole number", "number": "number", "string": "text", "boolean": "true or false", "null": "nothing"}
LIMITS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
log = logging.getLogger(__name__)


def derived() -> dict[Path, str]:
    """Every derived file with the content it should have; the README of a step keeps its handwritten parts."""
    files = {ROOT / "components" / f"{role}.lock": shared_lock(role) for role in SHARED}
    for step in STEPS:
        folder = ROOT / "components" / step.folder
        files[folder / "requirements.lock"] = image_lock(step)
        files[folder / "README.md"] = with_tables((folder / "README.md").read_text(encoding="utf-8"), step)
    return files


def with_tables(page: str, step: Step) -> str:
    """`page` with the part between the two marks replaced by the step's present tables."""
    head, _, rest = page.partition(BEGIN)
    _, mark, tail = rest.partition(END)
    if not mark:
        raise ValueError(
            f"the README.md of {step.folder} lacks the lines '{BEGIN}' and '{END}' around its tables; add them"
        )
    return f"{head}{BEGIN}\n\n{step_table(step)}\n\n{settings_table(step)}\n\n{END}{tail}"


def step_table(step: Step) -> str:
    """What the declaration in components/steps.py says of the step."""
    asked = step.resources
    gpu = f", {asked.gpu} GPU where there is one" if asked.gpu else ""
    rows = [
        ("inputs", ", ".join(f"`{name}`" for name in step.inputs) or "none"),
        ("output", f"`{step.output}`"),
        ("resources", f"{asked.cpu} CPU, {asked.memory} memory{gpu}"),
        ("retries", str(asked.retries)),
        ("image", f"`{step.image}`"),
    ]
    return table(("step", f"`{step.name}`: {step.summary}"), rows)


def settings_table(step: Step) -> str:
    """One row a setting, from the JSON schema of the step's settings; nested settings by dotted key."""
    schema = step.settings().model_json_schema()
    return table(
        ("setting", "value", "default", "meaning"), list(_rows(schema, schema.get("$defs", {}), f"{step.name}."))
    )


def _rows(schema: Mapping[str, Any], shared: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, ...]]:
    for name, entry in schema.get("properties", {}).items():
        nested = _referred(entry, shared)
        if "properties" in nested:
            yield from _rows(nested, shared, f"{prefix}{name}.")
            continue
        default = f"`{json.dumps(entry['default'])}`" if "default" in entry else "none"
        yield f"`{prefix}{name}`", kind({**nested, **entry}), default, entry.get("description", "")
        yield from _rows(_referred(entry.get("items", {}), shared), shared, f"{prefix}{name}[].")


def _referred(entry: Mapping[str, Any], shared: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the `$ref` of a schema's entry points to, or nothing."""
    found: Mapping[str, Any] = shared.get(entry.get("$ref", "").rpartition("/")[2], {})
    return found


def kind(entry: Mapping[str, Any]) -> str:
    """The values a setting takes, in words, from its JSON schema."""
    if "anyOf" in entry:
        return " or ".join(kind(option) for option in entry["anyOf"])
    if "enum" in entry:
        return ", ".join(f"`{value}`" for value in entry["enum"])
    if "const" in entry:
        return f"`{entry['const']}`"
    if entry.get("type") == "array":
        return "list" + (f" of {kind(entry['items'])}" if "type" in entry.get("items", {}) else "")
    bounds = [f"{sign} {entry[key]:,}" for key, sign in LIMITS.items() if key in entry]
    return " ".join([KINDS.get(entry.get("type", ""), "any"), ", ".join(bounds)]).strip()


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A Markdown table; bars inside cells are escaped."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |" for line in lines)


def main() -> None:
    """Rewrite what is out of date."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    for path, content in derived().items():
        if not path.exists() or path.read_text(encoding="utf-8") != content:
            path.write_text(content, encoding="utf-8")
            log.info("wrote %s", path.relative_to(ROOT))


if __name__ == "__main__":
    main()
