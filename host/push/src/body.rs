//! The media type and encoding of a body. They are stored with it, as its key in the spool, because settings may have changed
//! when it is sent.

/// Compression of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// None.
    Identity,
    /// gzip.
    Gzip,
    /// Block format of snappy.
    Snappy,
}

impl Encoding {
    const ALL: [Self; 3] = [Self::Identity, Self::Gzip, Self::Snappy];
}

/// Media type and compression of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BodyKind {
    /// Media type, such as `application/x-protobuf`.
    pub content_type: String,
    /// Compression.
    pub encoding: Encoding,
}

impl Encoding {
    /// Returns the value of the header `Content-Encoding`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
        }
    }
}

impl BodyKind {
    /// Returns the key of such bodies in the spool: encoding and media type, separated by a NUL.
    pub fn key(&self) -> Vec<u8> {
        [self.encoding.as_str().as_bytes(), self.content_type.as_bytes()].join(&0)
    }

    /// Parses a [`key`](Self::key); returns `None` if it is malformed.
    pub fn from_key(key: &[u8]) -> Option<Self> {
        let (encoding, content_type) = std::str::from_utf8(key).ok()?.split_once('\0')?;
        let encoding = Encoding::ALL.into_iter().find(|known| known.as_str() == encoding)?;
        (!content_type.is_empty()).then(|| Self { content_type: content_type.to_owned(), encoding })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_returns_what_it_was_made_from() {
        for encoding in Encoding::ALL {
            let kind = BodyKind { content_type: "application/x-protobuf".into(), encoding };
            assert_eq!(BodyKind::from_key(&kind.key()), Some(kind));
        }
        for key in [b"".as_slice(), b"gzip", b"gzip\0", b"zstd\0a/b", b"gzip\0\xff"] {
            assert_eq!(BodyKind::from_key(key), None, "{key:?}");
        }
    }
}
