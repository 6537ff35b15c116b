"""dashboards.py URL: checks deploy/dashboards against an emulator of AWS: cfn-lint accepts the template, and CloudWatch its alarms and the
dashboards. `tests/tests/dashboards` compares names with what is published."""

import subprocess
import sys
from pathlib import Path

import boto3
import yaml

DASHBOARDS = Path(__file__).resolve().parents[2] / "deploy/dashboards"
TEMPLATE = DASHBOARDS / "cloudwatch-alarms.yaml"

failures = []


def check(condition, message):
    if not condition:
        failures.append(message)


class Template(yaml.SafeLoader):
    """Reads a template; a reference becomes the text `Ref NAME`."""


Template.add_constructor("!Ref", lambda loader, node: f"Ref {node.value}")
Template.add_constructor("!Sub", lambda loader, node: node.value)
Template.add_constructor("!Equals", lambda loader, node: loader.construct_sequence(node))


def resolved(value, parameters):
    """Returns a property with the values of parameters. The property names are those of the API."""
    if isinstance(value, dict):
        return {key: resolved(member, parameters) for key, member in value.items()}
    if isinstance(value, list):
        return [resolved(member, parameters) for member in value]
    if isinstance(value, str) and value.startswith("Ref "):
        return parameters[value.removeprefix("Ref ")]
    return value.replace("${ClusterName}", parameters["ClusterName"]) if isinstance(value, str) else value


def check_alarms(client):
    lint = subprocess.run([Path(sys.executable).with_name("cfn-lint"), TEMPLATE], capture_output=True, text=True)
    check(lint.returncode == 0, f"cfn-lint: {lint.stdout}{lint.stderr}")
    template = yaml.load(TEMPLATE.read_text(), Template)
    parameters = {name: parameter.get("Default") for name, parameter in template["Parameters"].items()}
    parameters |= {"ClusterName": "shop", "TopicArn": "arn:aws:sns:us-east-1:123456789012:alarms"}
    cloudwatch = client("cloudwatch")
    for resource in template["Resources"].values():
        cloudwatch.put_metric_alarm(**resolved(resource["Properties"], parameters))
    found = cloudwatch.describe_alarms(AlarmNamePrefix="insightd-shop-")["MetricAlarms"]
    check(len(found) == len(template["Resources"]), f"alarms: {[alarm['AlarmName'] for alarm in found]}")


def check_dashboards(client):
    cloudwatch = client("cloudwatch")
    paths = sorted(DASHBOARDS.glob("cloudwatch-*.json"))
    check(len(paths) == 3, f"dashboards: {paths}")
    for path in paths:
        response = cloudwatch.put_dashboard(DashboardName=path.stem, DashboardBody=path.read_text())
        check(not response.get("DashboardValidationMessages"), f"{path.name}: {response}")


def main():
    url = sys.argv[1]

    def client(service):
        return boto3.client(service, endpoint_url=url, region_name="us-east-1")

    check_alarms(client)
    check_dashboards(client)
    if failures:
        sys.exit("\n".join(failures))
    print("dashboards and alarms: ok")


main()
