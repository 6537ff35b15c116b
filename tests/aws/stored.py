"""stored.py URL GROUP: prints what an emulator of CloudWatch Logs has stored in a group: a line `TIME_MS EVENTS` for each tick."""

import collections
import sys

import boto3

url, group = sys.argv[1:]
logs = boto3.client(
    "logs", endpoint_url=url, region_name="eu-central-1", aws_access_key_id="test", aws_secret_access_key="test"
)
ticks = collections.Counter()
for stream in logs.describe_log_streams(logGroupName=group)["logStreams"]:
    place = {"logGroupName": group, "logStreamName": stream["logStreamName"], "startFromHead": True}
    while (page := logs.get_log_events(**place))["events"]:
        ticks.update(event["timestamp"] for event in page["events"])
        place["nextToken"] = page["nextForwardToken"]
for time, events in sorted(ticks.items()):
    print(time, events)
