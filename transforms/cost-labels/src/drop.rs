//! Removal of metrics and attributes that are not queried.

use insights_sdk::Entity;

use crate::options::Options;

/// Drops the configured metrics and attributes of an event. Removes `Type` from an event that has no gauge left, so that it
/// is not published.
pub(crate) fn unqueried(options: &Options, event: Entity<'_>) {
    if !options.drop_attributes.is_empty() {
        for (key, _) in event.attributes() {
            if options.drop_attributes.has(key) {
                event.remove_attribute(key);
            }
        }
    }
    if !options.drop_metrics.is_empty() {
        let mut dropped = false;
        event.retain_points(|name| {
            let drops = options.drop_metrics.has(name);
            dropped |= drops;
            !drops
        });
        if dropped && event.gauges().is_empty() {
            event.remove_attribute("Type");
        }
    }
}
