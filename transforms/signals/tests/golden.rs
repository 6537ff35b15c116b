//! Golden cases.

#[test]
fn golden() {
    insights_sdk::golden::run_transform::<insightd_signals::Signals>("tests/golden");
}
