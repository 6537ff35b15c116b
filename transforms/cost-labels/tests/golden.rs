//! Golden cases.

#[test]
fn golden() {
    insights_sdk::golden::run_transform::<insightd_cost_labels::CostLabels>("tests/golden");
}
