//! Golden cases, run natively. The end-to-end tests run the same directories against the component.

use insightd_emf::Emf;

#[test]
fn golden_cases() {
    insights_sdk::golden::run_formatter::<Emf>("tests/golden");
}
