//! The golden cases, natively. `insightctl transform test` runs the same folders against the component.

#[test]
fn golden_cases() {
    insights_sdk::golden::run_transform::<{{crate}}::Team>("tests/golden");
}
