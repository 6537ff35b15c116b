//! Golden cases.

#[test]
fn golden() {
    insights_sdk::golden::run_transform::<insightd_filter::Filter>("tests/golden");
}
