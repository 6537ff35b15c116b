//! Table of the functions that a program may call.

/// A function: its name, the range of its argument count, and its meaning.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Function {
    pub(crate) name: &'static str,
    pub(crate) least: usize,
    pub(crate) most: usize,
    pub(crate) does: Does,
}

/// Meaning of a function, in the groups of docs/scripting.md.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Does {
    All,
    Node,
    Cluster,
    Parent,
    Children,
    Links,
    Find,
    Add,
    Remove,
    Kind,
    Id,
    Count,
    Attribute,
    Label,
    Set,
    KeepLabels,
    Gauge,
    Counter,
    Rate,
    Delta,
    Sum,
    Attributes,
    Gauges,
    Counters,
    Recall,
    Remember,
    Publish,
    SetGauge,
    Rename,
    Drop,
    StartsWith,
    EndsWith,
    Contains,
    Like,
    Replace,
    Before,
    After,
    Lower,
    Upper,
    Length,
    Text,
    Number,
    Min,
    Max,
    Round,
    Abs,
    Log,
}

/// Maximum number of arguments of any function. The interpreter resolves a call once for each subset of them.
pub(crate) const MOST: usize = 8;

const fn function(name: &'static str, least: usize, most: usize, does: Does) -> Function {
    Function { name, least, most, does }
}

pub(crate) const FUNCTIONS: &[Function] = &[
    function("all", 0, MOST, Does::All),
    function("node", 0, 0, Does::Node),
    function("cluster", 0, 0, Does::Cluster),
    function("parent", 1, 2, Does::Parent),
    function("children", 1, 2, Does::Children),
    function("links", 2, 2, Does::Links),
    function("find", 2, 2, Does::Find),
    function("add", 2, 3, Does::Add),
    function("remove", 1, 1, Does::Remove),
    function("kind", 1, 1, Does::Kind),
    function("id", 1, 1, Does::Id),
    function("count", 1, 1, Does::Count),
    function("attribute", 2, 2, Does::Attribute),
    function("label", 2, 2, Does::Label),
    function("set", 3, 3, Does::Set),
    function("keep_labels", 1, MOST, Does::KeepLabels),
    function("gauge", 2, 2, Does::Gauge),
    function("counter", 2, 2, Does::Counter),
    function("rate", 2, 2, Does::Rate),
    function("delta", 2, 2, Does::Delta),
    function("sum", 2, 2, Does::Sum),
    function("attributes", 1, MOST, Does::Attributes),
    function("gauges", 1, MOST, Does::Gauges),
    function("counters", 1, MOST, Does::Counters),
    function("recall", 2, 2, Does::Recall),
    function("remember", 3, 3, Does::Remember),
    function("publish", 3, 4, Does::Publish),
    function("set_gauge", 3, 3, Does::SetGauge),
    function("rename", 3, 3, Does::Rename),
    function("drop", 2, MOST, Does::Drop),
    function("starts_with", 2, 2, Does::StartsWith),
    function("ends_with", 2, 2, Does::EndsWith),
    function("contains", 2, 2, Does::Contains),
    function("like", 2, 2, Does::Like),
    function("replace", 3, 3, Does::Replace),
    function("before", 2, 2, Does::Before),
    function("after", 2, 2, Does::After),
    function("lower", 1, 1, Does::Lower),
    function("upper", 1, 1, Does::Upper),
    function("length", 1, 1, Does::Length),
    function("text", 1, 1, Does::Text),
    function("number", 1, 1, Does::Number),
    function("min", 2, 2, Does::Min),
    function("max", 2, 2, Does::Max),
    function("round", 1, 2, Does::Round),
    function("abs", 1, 1, Does::Abs),
    function("log", 1, 1, Does::Log),
];

/// Returns the function with this name.
pub(crate) fn find(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|function| function.name == name)
}
