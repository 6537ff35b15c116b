//! Golden cases, run natively. The end-to-end tests run the same directories against the component.

use insightd_remote_write::RemoteWrite;

#[test]
fn golden_cases() {
    insights_sdk::golden::run_formatter::<RemoteWrite>("tests/golden");
}
