#!/usr/bin/env python3
"""Checks that agents which share Fargate nodes publish each node once in each tick.

ticks.py NODES.json EVENTS... --interval SECONDS --from TIME --until TIME [--outage FROM UNTIL] [--healthy]

NODES.json is that of fargate_nodes.py; each EVENTS file is the file sink of one agent. A tick is a multiple of the interval since
1970, the times are Unix times, and an interval of ticks includes its begin only. During the outage nodes may be missing, but not
twice. With --healthy, no node has a fault. Prints lines NAME VALUE, and problems to standard error.
"""

import argparse
import collections
import json
import re
import sys

from fargate_nodes import HARMLESS, read

# Events of other types are not parsed: that would take most of the time.
WANTED = re.compile(r'"Type":"(Pod|Container)"')


class Events:
    """The events of pods and containers, by tick."""

    def __init__(self, paths, interval):
        # By tick and node, the number of events in each file; by tick, the number of events of each pod and container.
        self.files = collections.defaultdict(set)
        self.counts = collections.defaultdict(collections.Counter)
        for path in paths:
            with open(path) as file:
                for line in file:
                    if WANTED.search(line):
                        event = json.loads(line)
                        tick = int(event["Timestamp"]) // 1000 // interval * interval
                        about, node = event["kubernetes"], event["NodeName"]
                        self.files[tick, node].add(path)
                        self.counts[tick][node, about["pod_id"], about.get("container_name", "")] += 1

    def twice(self, tick):
        """Returns the nodes with events of two agents, or with two events of one pod or container."""
        return {node for (node, *_), count in self.counts[tick].items() if count > 1 or len(self.files[tick, node]) > 1}


def expected(node):
    """Yields the keys of a node's events in one tick."""
    for pod in node["pods"]:
        yield node["name"], pod["uid"], ""
        for name, _, _ in pod["containers"]:
            yield node["name"], pod["uid"], name


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("nodes")
    parser.add_argument("events", nargs="+")
    parser.add_argument("--interval", type=int, required=True)
    parser.add_argument("--from", dest="begin", type=int, required=True)
    parser.add_argument("--until", type=int, required=True)
    parser.add_argument("--outage", type=int, nargs=2, default=(0, 0))
    parser.add_argument("--healthy", action="store_true")
    options = parser.parse_args()
    healthy = [node for node in read(options.nodes) if options.healthy or node["fault"] in HARMLESS]
    keys = {key for node in healthy for key in expected(node)}
    names = {node["name"] for node in healthy}
    events = Events(options.events, options.interval)
    begin = -(-options.begin // options.interval) * options.interval
    ticks = range(begin, options.until, options.interval)

    figures = collections.Counter(ticks=len(ticks), healthy=len(healthy))
    problems, pods, agents = [], [], []
    for tick in sorted({*events.counts, *ticks}):
        if twice := events.twice(tick):
            figures["doubles"] += len(twice)
            example = min(twice)
            problems.append(f"tick {tick}: {len(twice)} nodes twice, such as {example} in {sorted(events.files[tick, example])}")
        if tick not in ticks:
            continue
        counts = events.counts[tick]
        figures["unexpected"] += len({node for node, *_ in counts} - names)
        missing = {node for node, *_ in keys - counts.keys()}
        if missing and options.outage[0] <= tick < options.outage[1]:
            figures["gaps_of_outage"] += len(missing)
            figures["ticks_of_outage"] += 1
        elif missing:
            figures["gaps"] += len(missing)
            problems.append(f"tick {tick}: {len(missing)} nodes without all of their events, such as {min(missing)}")
        else:
            pods.append(len({pod for _, pod, _ in counts}))
            number = len({file for name in names for file in events.files[tick, name]})
            if not agents or agents[-1][0] != number:
                agents.append([number, 0])
            agents[-1][1] += 1
    for problem in problems[:20]:
        print(f"ticks: {problem}", file=sys.stderr)
    for name in ("ticks", "healthy", "doubles", "gaps", "gaps_of_outage", "ticks_of_outage", "unexpected"):
        print(name, figures[name])
    print("pods", min(pods, default=0))
    print("agents", ", ".join(f"{number} in {count}" for number, count in agents))


if __name__ == "__main__":
    main()
