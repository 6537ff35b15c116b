//! Golden cases, run natively. The end-to-end tests run the same directories against the component.

use insightd_decorate::Decorate;

#[test]
fn golden_cases() {
    insights_sdk::golden::run_transform::<Decorate>("tests/golden");
}
