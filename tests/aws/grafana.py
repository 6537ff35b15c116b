"""grafana.py: loads the Grafana dashboards of deploy/dashboards with Grafana's own schema (grafana-foundation-sdk of the oldest supported version), writes
them again, and checks that nothing was lost. The schema drops fields that it does not know. `tests/tests/dashboards` compares names with what is
published."""

import json
import sys
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

DASHBOARDS = Path(__file__).resolve().parents[2] / "deploy/dashboards"
# Grafana writes this copy of a variable's query, and reads it in the editor of variables; its schema does not have it.
UNKNOWN_TO_THE_SCHEMA = {".templating.list[].definition"}
MISTAKES = [
    ('"gridPos"', '"gridPosition"'),
    ('"expr"', '"expression"'),
    ('"legendFormat"', '"legend"'),
    ('"reduceOptions"', '"reduce"'),
    ('"fieldConfig"', '"fieldConfiguration"'),
    ('"includeAll"', '"all"'),
]


def loaded(text):
    """Returns a dashboard after a round trip through the schema."""
    return json.loads(JSONEncoder().encode(Dashboard.from_json(json.loads(text))))


def lost(before, after, path=""):
    """Yields the paths of values that are missing or different. The schema may add defaults."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key, value in before.items():
            yield from lost(value, after.get(key), f"{path}.{key}")
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for old, new in zip(before, after):
            yield from lost(old, new, f"{path}[]")
    elif before != after and path not in UNKNOWN_TO_THE_SCHEMA:
        yield f"{path}: {before!r} became {after!r}"


def main():
    register_default_plugins()
    paths = sorted(DASHBOARDS.glob("grafana-*.json"))
    failures = [] if len(paths) == 2 else [f"dashboards: {paths}"]
    count = 0
    for path in paths:
        text = path.read_text()
        before, after = json.loads(text), loaded(text)
        panels = [panel["id"] for panel in before["panels"]]
        count += len(panels)
        if [panel["id"] for panel in after["panels"]] != panels:
            failures.append(f"{path.name}: panels {panels} became {[panel['id'] for panel in after['panels']]}")
        failures += [f"{path.name}: {problem}" for problem in lost(before, after)]
        for good, bad in MISTAKES:
            wrong = text.replace(good, bad)
            try:
                if wrong == text or not list(lost(json.loads(wrong), loaded(wrong))):
                    failures.append(f"{path.name}: {bad} in place of {good} is not found")
            except (KeyError, TypeError):
                pass
    if failures:
        sys.exit("\n".join(failures))
    print(f"Grafana dashboards: ok, {count} panels")


main()
