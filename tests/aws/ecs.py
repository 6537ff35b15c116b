"""ecs.py URL [INSIGHTD]: checks deploy/ecs and deploy/iam against an emulator of AWS: ECS accepts the payloads as they are, cfn-lint
the template; both run the same task with the same configuration; and the agent may write nothing of the host but its spool.

The sidecar's task definition meets the rules of Fargate, as far as they are documented, and leaves its containers within the task's
size. The configurations of deploy/ecs and deploy/systemd meet the schema; with INSIGHTD, the path of the program, also
`insightd check`."""

import json
import subprocess
import sys
from pathlib import Path

import boto3
import jsonschema
import yaml

TOP = Path(__file__).resolve().parents[2]
DEPLOY = TOP / "deploy"
ECS = DEPLOY / "ecs"
# Directories of the host that a container may write.
WRITABLE = {"/var/lib/insightd"}
# Volumes of the daemon's task alone that it may write.
OWN = {"rootfs"}
AGENT = "insightd"
VARIABLE = "INSIGHTD_CONFIG_CONTENT"

failures = []


def check(condition, message):
    if not condition:
        failures.append(message)


def read(name):
    return json.loads((ECS / name).read_text())


class Template(yaml.SafeLoader):
    """Reads a template; `!Ref X` becomes the text `Ref X`, and so on."""


def function(loader, suffix, node):
    if isinstance(node, yaml.ScalarNode):
        return f"{suffix} {loader.construct_scalar(node)}"
    return {suffix: loader.construct_sequence(node, deep=True)}


Template.add_multi_constructor("!", function)


def lower(value):
    """Returns the value with the keys of the API in place of those of a template."""
    if isinstance(value, dict):
        return {key if "-" in key else key[:1].lower() + key[1:]: lower(item) for key, item in value.items()}
    return [lower(item) for item in value] if isinstance(value, list) else value


def containers(task):
    return {container["name"]: container for container in task["containerDefinitions"]}


def configuration(task):
    """Returns the configuration of the agent, which needs no command: that of the image is `run`."""
    agent = containers(task)[AGENT]
    check("command" not in agent, "the agent has a command, which may name a configuration file")
    values = {variable["name"]: variable["value"] for variable in agent["environment"]}
    return yaml.safe_load(values[VARIABLE])


def check_agent(agent):
    check(agent["readonlyRootFilesystem"] is True, "the root file system is writable")
    check(agent["linuxParameters"]["capabilities"] == {"drop": ["ALL"]}, "the agent has capabilities")
    check(not agent.get("privileged"), "the agent is privileged")
    check(agent["memoryReservation"] <= agent["memory"], "the agent has less memory than is reserved for it")


def check_daemon(task):
    """Checks that the agent may write nothing of the host but its spool, and shares no namespace with it but the network's."""
    check(not {"pidMode", "ipcMode"} & task.keys(), "the task is in a namespace of the host")
    check(list(containers(task)) == [AGENT], "the daemon has other containers")
    agent = containers(task)[AGENT]
    check_agent(agent)
    volumes = {volume["name"]: volume.get("host", {}).get("sourcePath") for volume in task["volumes"]}
    mounted = set()
    for mount in agent["mountPoints"]:
        volume = mount["sourceVolume"]
        mounted.add(volume)
        source = volumes[volume]
        allowed = source in WRITABLE or (source is None and volume in OWN)
        check(mount["readOnly"] is True or allowed, f"the mount of {source or volume} is writable")
    check(mounted == set(volumes), f"volumes without a mount: {set(volumes) - mounted}")


def check_sidecar(task):
    """Checks the rules of Fargate that the emulator does not know, and that the application does not depend on the agent."""
    check(task["networkMode"] == "awsvpc", "Fargate needs the network mode awsvpc")
    check(not any(volume.get("host") for volume in task["volumes"]), "Fargate has no directories of a host")
    agent, others = containers(task)[AGENT], [one for one in task["containerDefinitions"] if one["name"] != AGENT]
    check_agent(agent)
    check(agent["essential"] is False, "the end of the agent would end the task")
    check(not any("dependsOn" in one for one in others), "the application waits for the agent")
    check("tmpfs" not in agent["linuxParameters"], "Fargate has no tmpfs")
    for key in ("cpu", "memoryReservation"):
        size = int(task[key.removesuffix("Reservation")])
        total = sum(one.get(key, 0) for one in task["containerDefinitions"])
        check(total <= size, f"the containers have {key} {total} in a task of {size}")
    spool = Path(configuration(task)["sinks"]["cloudwatch"]["spool"]["dir"])
    mounts = {Path(mount["containerPath"]): mount["readOnly"] for mount in agent["mountPoints"]}
    check(mounts == {spool: False}, f"the spool is in {spool}, the mounts are {mounts}")


def check_registered(task, registered):
    for key, value in task.items():
        if key in registered and key != "containerDefinitions":
            check(registered[key] == value, f"{key}: registered as {registered[key]}")
    for name, container in containers(registered).items():
        for key, value in containers(task)[name].items():
            check(container.get(key) == value, f"{name}.{key}: registered as {container.get(key)}")


def check_api(url):
    """Registers the task definitions and creates the service, with payloads that botocore validates."""
    client = lambda service: boto3.client(
        service, endpoint_url=url, region_name="us-west-2", aws_access_key_id="test", aws_secret_access_key="test"
    )
    ecs, iam = client("ecs"), client("iam")
    task, service = read("task-definition.json"), read("service.json")
    registered = ecs.register_task_definition(**task)["taskDefinition"]
    ecs.create_cluster(clusterName=service["cluster"])
    created = ecs.create_service(**service)["service"]
    check(created["schedulingStrategy"] == "DAEMON", f"not a daemon: {created['schedulingStrategy']}")
    check(created["taskDefinition"] == registered["taskDefinitionArn"], f"another task: {created['taskDefinition']}")
    check_registered(task, registered)
    sidecar = read("fargate-sidecar.json")
    check_registered(sidecar, ecs.register_task_definition(**sidecar)["taskDefinition"])

    for path in sorted((DEPLOY / "iam").glob("*.json")):
        # IAM requires valid JSON with a version and statements; the placeholder of the account is not an account.
        document = path.read_text().replace("ACCOUNT", "123456789012").replace("REGION", "us-west-2")
        if path.name.startswith("trust-"):
            iam.create_role(RoleName=path.stem, AssumeRolePolicyDocument=document)
        else:
            iam.create_policy(PolicyName=path.stem, PolicyDocument=document)


def check_template():
    path = ECS / "cloudformation.yaml"
    lint = subprocess.run([Path(sys.executable).with_name("cfn-lint"), path], capture_output=True, text=True)
    check(lint.returncode == 0, f"cfn-lint: {lint.stdout}{lint.stderr}")
    resources = yaml.load(path.read_text(), Template)["Resources"]
    task, wanted = lower(resources["TaskDefinition"]["Properties"]), read("task-definition.json")
    check_daemon(task)
    check(configuration(task) == configuration(wanted), "the template has another configuration than the task definition")
    differing = {"family", "taskRoleArn", "executionRoleArn", "containerDefinitions"}
    for key in (wanted.keys() | task.keys()) - differing:
        check(task.get(key) == wanted.get(key), f"the template differs in {key}: {task.get(key)}")
    for name, container in containers(wanted).items():
        other = containers(task)[name]
        for key in (container.keys() | other.keys()) - {"image", "environment", "logConfiguration"}:
            check(other.get(key) == container.get(key), f"the template differs in {name}.{key}: {other.get(key)}")
    service, wanted = lower(resources["Service"]["Properties"]), read("service.json")
    for key in wanted.keys() - {"cluster", "taskDefinition"}:
        check(service.get(key) == wanted[key], f"the template differs in the service's {key}: {service.get(key)}")


def check_configurations(insightd):
    schema = json.loads((TOP / "host/agent/src/config/schema.json").read_text())
    validator = jsonschema.Draft202012Validator(schema)
    for path in (ECS / "insightd.yaml", ECS / "sidecar.yaml", DEPLOY / "systemd/insightd.yaml"):
        for error in validator.iter_errors(yaml.safe_load(path.read_text())):
            check(False, f"{path}: {error.json_path}: {error.message}")
        if not insightd:
            continue
        checked = subprocess.run([insightd, "check", path], capture_output=True, text=True)
        check(checked.returncode == 0, f"insightd check {path}: {checked.stdout}{checked.stderr}")


def main():
    url, *insightd = sys.argv[1:]
    for name, config, check_task in (
        ("task-definition.json", "insightd.yaml", check_daemon),
        ("fargate-sidecar.json", "sidecar.yaml", check_sidecar),
    ):
        task = read(name)
        check_task(task)
        wanted = yaml.safe_load((ECS / config).read_text())
        check(configuration(task) == wanted, f"{name} has another configuration than {config}")
    check_api(url)
    check_template()
    check_configurations(insightd[0] if insightd else None)
    print("\n".join(f"deploy/ecs: {failure}" for failure in failures) or "deploy/ecs: ok")
    return 1 if failures else 0


sys.exit(main())
