//! Runs the golden cases natively. `insightctl transform test` runs the same cases against the component.

#[test]
fn golden_cases() {
    insights_sdk::golden::run_formatter::<{{crate}}::Lines>("tests/golden");
}
