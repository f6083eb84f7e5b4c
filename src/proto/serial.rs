//! How durations, bytes and paths are written in JSON, wherever an event holds one.
//!
//! It stands apart because the same three notations are needed all over the vocabulary of the labs, and a record that is read again has to find
//! exactly what was written:
//!
//! | value | written as |
//! |---|---|
//! | duration | whole nanoseconds, as a number; more than 584 years are cut to that |
//! | bytes that are UTF-8 | a string |
//! | other bytes | `{"base64": "…"}` (RFC 4648 §4) |
//! | path | a string; what is not Unicode in it is replaced, for no string can hold it |
//!
//! The modules are for `#[serde(with = "…")]`.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// The key of bytes that are not text.
const BASE64: &str = "base64";

/// A [`std::time::Duration`] as whole nanoseconds.
pub mod nanos {
    use std::time::Duration;

    use super::{Deserialize, Deserializer, Serializer};

    fn whole(duration: Duration) -> u64 {
        u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
    }

    pub fn serialize<S: Serializer>(duration: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(whole(*duration))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        u64::deserialize(from).map(Duration::from_nanos)
    }

    /// One that may be missing: `null`.
    pub mod option {
        use super::{Deserialize, Deserializer, Duration, Serializer, whole};

        pub fn serialize<S: Serializer>(
            duration: &Option<Duration>,
            to: S,
        ) -> Result<S::Ok, S::Error> {
            match duration {
                Some(duration) => to.serialize_some(&whole(*duration)),
                None => to.serialize_none(),
            }
        }

        pub fn deserialize<'de, D: Deserializer<'de>>(
            from: D,
        ) -> Result<Option<Duration>, D::Error> {
            Ok(Option::<u64>::deserialize(from)?.map(Duration::from_nanos))
        }
    }
}

/// Bytes: a vector, a box or a shared slice.
pub mod bytes {
    use super::{Bytes, Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<S: Serializer>(bytes: &impl AsRef<[u8]>, to: S) -> Result<S::Ok, S::Error> {
        Bytes(bytes.as_ref()).serialize(to)
    }

    pub fn deserialize<'de, T: From<Vec<u8>>, D: Deserializer<'de>>(
        from: D,
    ) -> Result<T, D::Error> {
        Ok(Bytes::<Vec<u8>>::deserialize(from)?.0.into())
    }

    /// Several of them, in a list.
    pub mod list {
        use super::{Bytes, Deserialize, Deserializer, Serializer};

        pub fn serialize<S: Serializer>(
            list: &[impl AsRef<[u8]>],
            to: S,
        ) -> Result<S::Ok, S::Error> {
            to.collect_seq(list.iter().map(|bytes| Bytes(bytes.as_ref())))
        }

        pub fn deserialize<'de, T: From<Vec<u8>>, D: Deserializer<'de>>(
            from: D,
        ) -> Result<Vec<T>, D::Error> {
            let list = Vec::<Bytes<Vec<u8>>>::deserialize(from)?;
            Ok(list.into_iter().map(|bytes| bytes.0.into()).collect())
        }
    }
}

/// A path that may be missing.
pub mod path {
    use std::path::PathBuf;

    use super::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<S: Serializer>(path: &Option<PathBuf>, to: S) -> Result<S::Ok, S::Error> {
        path.as_ref()
            .map(|path| path.to_string_lossy())
            .serialize(to)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<PathBuf>, D::Error> {
        Ok(Option::<String>::deserialize(from)?.map(PathBuf::from))
    }
}

/// What reads back from the text that its `Display` writes.
pub mod text {
    use std::fmt::Display;
    use std::str::FromStr;

    use super::{Deserialize, Deserializer, Error};

    pub fn deserialize<'de, T, D>(from: D) -> Result<T, D::Error>
    where
        T: FromStr<Err: Display>,
        D: Deserializer<'de>,
    {
        let text = String::deserialize(from)?;
        text.parse().map_err(D::Error::custom)
    }
}

/// Bytes in the notation above.
struct Bytes<T>(T);

impl Serialize for Bytes<&[u8]> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match std::str::from_utf8(self.0) {
            Ok(text) => to.serialize_str(text),
            Err(_) => to.collect_map([(BASE64, STANDARD.encode(self.0))]),
        }
    }
}

impl<'de> Deserialize<'de> for Bytes<Vec<u8>> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(BytesVisitor)
    }
}

struct BytesVisitor;

impl<'de> Visitor<'de> for BytesVisitor {
    type Value = Bytes<Vec<u8>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string, or an object with base64")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Bytes(text.as_bytes().to_vec()))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Self::Value, E> {
        Ok(Bytes(text.into_bytes()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let Some((key, text)) = map.next_entry::<String, String>()? else {
            return Err(A::Error::missing_field(BASE64));
        };
        if key != BASE64 || map.next_key::<String>()?.is_some() {
            return Err(A::Error::custom("bytes are an object with base64 alone"));
        }
        STANDARD.decode(text).map(Bytes).map_err(A::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::path::PathBuf;
    use std::time::Duration;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct All {
        #[serde(with = "nanos")]
        at: Duration,
        #[serde(with = "nanos::option")]
        until: Option<Duration>,
        #[serde(with = "bytes")]
        raw: Box<[u8]>,
        #[serde(with = "bytes::list")]
        lines: Vec<Box<[u8]>>,
        #[serde(with = "path")]
        file: Option<PathBuf>,
    }

    #[test]
    fn is_written_as_the_table_says() {
        let all = All {
            at: Duration::from_millis(1_500),
            until: None,
            raw: b"GET / HTTP/1.1\r\n"[..].into(),
            lines: vec![b"\xff\x00"[..].into(), b""[..].into()],
            file: Some("a/b".into()),
        };
        let json = serde_json::to_string(&all).unwrap();
        assert_eq!(
            json,
            r#"{"at":1500000000,"until":null,"raw":"GET / HTTP/1.1\r\n","lines":[{"base64":"/wA="},""],"file":"a/b"}"#
        );
        assert_eq!(serde_json::from_str::<All>(&json).unwrap(), all);
    }

    #[test]
    fn what_is_no_bytes_is_refused() {
        for bad in [
            "7",
            "{}",
            r#"{"base64":"?"}"#,
            r#"{"base64":"/wA=","more":"x"}"#,
            r#"{"hex":"ff"}"#,
        ] {
            assert!(
                serde_json::from_str::<Bytes<Vec<u8>>>(bad).is_err(),
                "{bad}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_bytes_and_times_read_back(
            nanos in any::<u64>(),
            raw in proptest::collection::vec(any::<u8>(), 0..40),
            text in any::<String>(),
        ) {
            let all = All {
                at: Duration::from_nanos(nanos),
                until: Some(Duration::from_nanos(nanos / 2)),
                raw: raw.clone().into(),
                lines: vec![text.clone().into_bytes().into(), raw.into()],
                file: Some(text.into()),
            };
            let json = serde_json::to_vec(&all).unwrap();
            prop_assert_eq!(serde_json::from_slice::<All>(&json).unwrap(), all);
        }
    }
}
