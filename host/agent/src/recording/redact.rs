//! Redacts the user-written values of labels and annotations.

use std::collections::BTreeSet;

use insightd_sandbox::Hex;
use insights_batch::{Batch, Columns};
use sha2::{Digest, Sha256};

/// Key prefixes of the attributes that are redacted.
const PREFIXES: [&str; 2] = ["label.", "annotation."];

/// Keys that are not redacted. The hash is part of ReplicaSet names and thus of pod names; pods cannot be assigned to their owners without it.
const KEPT: [&str; 2] = ["label.pod-template-hash", "label.rollouts-pod-template-hash"];

/// Replaces the values of labels and annotations by a short hash. Equal values stay equal, across recordings too. This
/// hides values from readers, but not from somebody who hashes a list of likely values.
#[derive(Debug, Default)]
pub struct Redactor {
    keys: BTreeSet<String>,
}

impl Redactor {
    /// Returns the patterns of redacted keys for the header of a recording.
    pub fn patterns() -> Vec<String> {
        PREFIXES.iter().map(|prefix| format!("{prefix}*")).collect()
    }

    /// Replaces the values in a batch and records their keys.
    pub fn redact(&mut self, columns: Columns) -> Columns {
        let batch = Batch::from_columns(columns);
        for entity in batch.entities() {
            for (key, value) in entity.attributes() {
                let is_redacted =
                    PREFIXES.iter().any(|prefix| key.starts_with(prefix)) && !KEPT.contains(&key);
                if !is_redacted {
                    continue;
                }
                entity.set_attribute(key, &hash(value));
                if !self.keys.contains(key) {
                    self.keys.insert(key.to_owned());
                }
            }
        }
        batch.into_columns()
    }

    /// Returns the keys whose values were replaced so far, in order.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().map(String::as_str)
    }
}

fn hash(value: &str) -> String {
    let digest = Sha256::digest(value);
    Hex(&digest[..6]).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_and_annotations_go_and_nothing_else() {
        let text = r#"{"scope":"node","id":"n1","time_unix_ms":1,"interval_ms":1,"entities":[{"kind":"pod","id":"u1","attributes":{"pod.name":"web","label.team":"shop","label.owner":"shop","label.pod-template-hash":"abc","annotation.a":""}}]}"#;
        let mut redactor = Redactor::default();
        let found = redactor.redact(Columns::from_json(text).unwrap()).to_json_line();
        // The prefixes of the SHA-256 digests of `shop` and of the empty string.
        let expected = text
            .replace(r#""shop""#, r#""8d9001d32c6a""#)
            .replace(r#""annotation.a":"""#, r#""annotation.a":"e3b0c44298fc""#);
        assert_eq!(found, expected);
        assert_eq!(redactor.keys().collect::<Vec<_>>(), ["annotation.a", "label.owner", "label.team"]);
    }
}
