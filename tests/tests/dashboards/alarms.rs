//! Alarms of CloudWatch: the CloudFormation template and the Terraform module create the same ones, on metrics of the
//! basic preset and of the agent's own.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use hcl::eval::{Context, Evaluate};
use insightd_tests::manifests::{list, text};
use insightd_tests::{skipped, top};
use serde_json::{Map, Value, json};

use crate::tables::{Declared, Names};
use crate::{changed, read, search};

const TEMPLATE: &str = "cloudwatch-alarms.yaml";
const ORCHESTRATORS: [&str; 2] = ["ecs", "eks"];
/// Number of alarms.
const ALARMS: usize = 14;

/// Alarms in a common form, by name.
type Alarms = BTreeMap<String, Value>;

/// Reads the alarms of the template for an orchestrator, with the defaults of its parameters.
fn template(yaml: &str, orchestrator: &str) -> Alarms {
    // The tags !Ref and !Sub are lost: a value that is the name of a parameter is a reference to it.
    let template: Value = serde_saphyr::from_str(yaml).unwrap();
    let resolve = |value: &Value| match value.as_str() {
        Some("ClusterName") => json!("CLUSTER"),
        Some("TopicArn") => json!("TOPIC"),
        Some(name) if template["Parameters"][name].is_object() => {
            template["Parameters"][name]["Default"].clone()
        }
        Some(text) => json!(text.replace("${ClusterName}", "CLUSTER")),
        None => value.clone(),
    };
    let dimensions = |metric: &Value| -> Value {
        let pairs = list(&metric["Dimensions"]).iter();
        pairs
            .map(|pair| (text(&pair["Name"]).to_owned(), resolve(&pair["Value"])))
            .collect::<Map<_, _>>()
            .into()
    };
    let condition = if orchestrator == "eks" { "Eks" } else { "Ecs" };
    let resources = template["Resources"].as_object().unwrap().values();
    let alarms = resources.filter(|resource| resource["Condition"] == condition).map(|resource| {
        assert_eq!(resource["Type"], "AWS::CloudWatch::Alarm");
        let alarm = &resource["Properties"];
        let queries: Vec<Value> = list(&alarm["Metrics"])
            .iter()
            .map(|query| {
                let stat = &query["MetricStat"];
                json!({
                    "id": query["Id"], "label": query["Label"], "expression": resolve(&query["Expression"]),
                    "period": resolve(&query["Period"]), "return_data": query["ReturnData"],
                    "metric": stat.is_object().then(|| json!({
                        "namespace": stat["Metric"]["Namespace"], "metric_name": stat["Metric"]["MetricName"],
                        "dimensions": dimensions(&stat["Metric"]), "stat": stat["Stat"], "period": resolve(&stat["Period"]),
                    })),
                })
            })
            .collect();
        let actions = |key: &str| list(&alarm[key]).iter().map(resolve).collect::<Value>();
        let alarm_in_common_form = json!({
            "alarm_description": alarm["AlarmDescription"], "namespace": alarm["Namespace"],
            "metric_name": alarm["MetricName"], "dimensions": dimensions(alarm), "statistic": alarm["Statistic"],
            "period": resolve(&alarm["Period"]), "evaluation_periods": alarm["EvaluationPeriods"],
            "comparison_operator": alarm["ComparisonOperator"], "threshold": resolve(&alarm["Threshold"]),
            "treat_missing_data": alarm["TreatMissingData"], "alarm_actions": actions("AlarmActions"),
            "ok_actions": actions("OKActions"), "queries": queries,
        });
        (text(&resolve(&alarm["AlarmName"])).to_owned(), common(&alarm_in_common_form))
    });
    alarms.collect()
}

/// Leaves out members without a value, and gives all numbers one type.
fn common(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let members = members.iter().map(|(key, value)| (key.clone(), common(value)));
            members
                .filter(|(_, value)| !value.is_null() && *value != json!({}) && *value != json!([]))
                .collect()
        }
        Value::Array(values) => values.iter().map(common).collect(),
        Value::Number(number) => json!(number.as_f64()),
        other => other.clone(),
    }
}

/// Reads the alarms of the Terraform module for an orchestrator, with the defaults of its variables.
fn module(alarms: &str, variables: &str, orchestrator: &str) -> Alarms {
    let mut context = Context::new();
    let mut given: BTreeMap<String, hcl::Value> = BTreeMap::new();
    for variable in hcl::parse(variables).unwrap().blocks() {
        let default = variable.body.attributes().find(|attribute| attribute.key.as_str() == "default");
        let default = default.map_or(hcl::Value::Null, |default| default.expr.evaluate(&context).unwrap());
        given.insert(variable.labels[0].as_str().to_owned(), default);
    }
    for (name, value) in [("cluster_name", "CLUSTER"), ("topic_arn", "TOPIC"), ("orchestrator", orchestrator)]
    {
        given.insert(name.into(), value.into());
    }
    context.declare_var("var", hcl::Value::from_iter(given));
    let body = hcl::parse(alarms).unwrap();
    let block = |name: &'static str| {
        body.blocks().filter(move |block| block.identifier.as_str() == name).map(|block| &block.body)
    };
    let locals = block("locals").next().unwrap().evaluate(&context).unwrap();
    context.declare_var("local", hcl::Value::from(locals));

    let mut found = Alarms::new();
    for resource in block("resource") {
        let of = |key: &str| resource.attributes().find(|attribute| attribute.key.as_str() == key);
        let mut instances = vec![context.clone()];
        if let Some(each) = of("for_each") {
            let each = each.expr.evaluate(&context).unwrap();
            instances = each
                .as_object()
                .unwrap()
                .iter()
                .map(|(key, value)| {
                    let mut context = context.clone();
                    let each = [("key", hcl::Value::from(key.as_str())), ("value", value.clone())];
                    context.declare_var("each", hcl::Value::from_iter(each));
                    context
                })
                .collect();
        } else if of("count").unwrap().expr.evaluate(&context).unwrap() == hcl::Value::from(0) {
            continue;
        }
        for context in instances {
            let mut alarm = object(resource, &context);
            let queries: Vec<Value> = resource
                .blocks()
                .map(|query| {
                    assert_eq!(query.identifier.as_str(), "metric_query");
                    let mut members = object(&query.body, &context);
                    for metric in query.body.blocks() {
                        members.insert("metric".into(), object(&metric.body, &context).into());
                    }
                    members.into()
                })
                .collect();
            alarm.insert("queries".into(), queries.into());
            alarm.remove("for_each");
            alarm.remove("count");
            let name = alarm.remove("alarm_name").unwrap();
            found.insert(text(&name).to_owned(), common(&alarm.into()));
        }
    }
    found
}

/// Evaluates the attributes of a block.
fn object(body: &hcl::Body, context: &Context<'_>) -> Map<String, Value> {
    let attributes = body.attributes().map(|attribute| {
        let value = attribute.expr.evaluate(context).unwrap();
        (attribute.key.to_string(), serde_json::to_value(value).unwrap())
    });
    attributes.collect()
}

fn modules(orchestrator: &str) -> Alarms {
    module(&read("terraform/alarms.tf"), &read("terraform/variables.tf"), orchestrator)
}

/// Returns the problems of metrics and expressions of an alarm.
fn check(alarm: &Value, declared: &Declared) -> Vec<String> {
    let metric = |metric: &Value| {
        let dimensions: Names =
            metric["dimensions"].as_object().into_iter().flatten().map(|(key, _)| key.clone()).collect();
        declared.problem(text(&metric["namespace"]), text(&metric["metric_name"]), &dimensions)
    };
    let queries = list(&alarm["queries"]);
    let ids: Names = queries.iter().map(|query| text(&query["id"]).to_owned()).collect();
    let mut problems: Vec<String> = Vec::new();
    for query in queries {
        match query["expression"].as_str() {
            Some(expression) => problems.extend(search::check(expression, &ids, declared)),
            None => problems.extend(metric(&query["metric"])),
        }
    }
    if queries.is_empty() {
        problems.extend(metric(alarm));
    } else if queries.iter().filter(|query| query["return_data"] == true).count() != 1 {
        problems.push("an alarm has one result".into());
    }
    problems
}

#[test]
fn both_create_the_same_alarms() {
    let mut count = 0;
    for orchestrator in ORCHESTRATORS {
        let alarms = template(&read(TEMPLATE), orchestrator);
        assert_eq!(alarms, modules(orchestrator), "{orchestrator}");
        count += alarms.len();
    }
    assert_eq!(count, ALARMS);
}

/// The declarations without `enhanced` are enough, with those of the agent.
#[test]
fn alarms_are_on_what_is_published() {
    let declared = Declared::new(&["basic", "ecs", "agent"]);
    for (name, alarm) in ORCHESTRATORS.iter().flat_map(|orchestrator| modules(orchestrator)) {
        assert_eq!(check(&alarm, &declared), [""; 0], "{name}");
        assert!(alarm["threshold"].is_f64() && alarm["alarm_actions"] == json!(["TOPIC"]), "{name}: {alarm}");
    }
}

#[test]
fn mistakes_in_alarms_are_found() {
    let declared = Declared::new(&["basic", "ecs", "agent"]);
    let text = read("terraform/alarms.tf");
    let variables = read("terraform/variables.tf");
    for (old, new) in [
        ("node_memory_utilization", "node_memory_used"),
        ("\"cluster_node_count\"", "\"cluster_nodes\""),
        ("FILL(beats", "FILL(beat"),
        ("SUM(pod_number_of_container_restarts)", "SUM(pod_restarts)"),
        ("agent_events_lost", "agent_events_dropped"),
        ("{ ClusterName = var.cluster_name }", "{ Cluster = var.cluster_name }"),
    ] {
        let wrong = module(&changed(&text, old, new), &variables, "eks");
        assert!(wrong.values().any(|alarm| !check(alarm, &declared).is_empty()), "{new}");
    }
    // A threshold or a name that differs between the two files.
    let good = template(&read(TEMPLATE), "eks");
    for (old, new) in [("default     = 85", "default     = 80"), ("default     = 60", "default     = 120")] {
        assert_ne!(module(&text, &changed(&variables, old, new), "eks"), good, "{new}");
    }
    for (old, new) in
        [("\"failed-nodes\"", "\"failing-nodes\""), ("LessThanThreshold", "GreaterThanThreshold")]
    {
        assert_ne!(module(&changed(&text, old, new), &variables, "eks"), good, "{new}");
    }
}

#[test]
fn terraform_accepts_the_module() {
    let test = "terraform_accepts_the_module";
    let terraform = |arguments: &[&str]| {
        let mut terraform = Command::new("terraform");
        terraform.args(arguments).current_dir(top().join("deploy/dashboards/terraform")).stdin(Stdio::null());
        terraform.output()
    };
    let Ok(output) = terraform(&["fmt", "-check", "-diff"]) else { return skipped(test, "no terraform") };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    // `validate` needs the AWS provider, and tests load nothing: it is there after a `terraform init` by hand.
    if !top().join("deploy/dashboards/terraform/.terraform").exists() {
        return skipped(
            test,
            "`terraform validate`: run `terraform init` in deploy/dashboards/terraform first",
        );
    }
    let output = terraform(&["validate", "-no-color"]).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
