//! Envelope and header side by side: who was to have a message, and who it says it is from and to. Nothing makes the two agree, and that is the
//! lesson.

use crate::proto::message::read::Letter;
use crate::proto::smtp::address::Envelope;

/// Header fields that name recipients.
const RECIPIENTS: [&str; 3] = ["To", "Cc", "Bcc"];
/// Addresses of a header that are compared.
const MOST: usize = 1_000;

/// Where envelope and header differ.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Differences {
    /// In the envelope and in no header: so does Bcc.
    pub hidden: Vec<String>,
    /// In a header, but the server was not told of them.
    pub only_named: Vec<String>,
    /// The sender of the envelope is not among those of From: their addresses.
    pub other_sender: Option<Vec<String>>,
}

/// Compares addresses as far as a reader would: their domains in any case.
pub fn differences(letter: &Letter, envelope: &Envelope) -> Differences {
    let named = |names: &[&str]| -> Vec<String> {
        letter
            .headers
            .iter()
            .filter(|field| {
                names
                    .iter()
                    .any(|name| field.name.eq_ignore_ascii_case(name))
            })
            .flat_map(|field| addresses(&field.decoded))
            .take(MOST)
            .collect()
    };
    let to = named(&RECIPIENTS);
    let from = named(&["From"]);
    let told: Vec<&str> = envelope.to.iter().map(|address| address.as_str()).collect();
    let sender = envelope.from.as_ref().map(|address| address.as_str());
    Differences {
        hidden: told
            .iter()
            .filter(|one| !to.iter().any(|named| is_same(named, one)))
            .map(|one| (*one).to_owned())
            .collect(),
        only_named: to
            .iter()
            .filter(|named| !told.iter().any(|one| is_same(named, one)))
            .cloned()
            .collect(),
        other_sender: sender
            .filter(|sender| !from.iter().any(|named| is_same(named, sender)))
            .map(|_| from),
    }
}

fn is_same(one: &str, other: &str) -> bool {
    match (one.rsplit_once('@'), other.rsplit_once('@')) {
        (Some((local, domain)), Some((other_local, other_domain))) => {
            local == other_local && domain.eq_ignore_ascii_case(other_domain)
        }
        _ => one == other,
    }
}

/// The addresses of a header field: what stands in angle brackets, or else the whole entry. Commas inside quotes part nothing.
fn addresses(value: &str) -> Vec<String> {
    let (mut quoted, mut escaped) = (false, false);
    let entries = value.split(move |c| {
        let parts = !quoted && matches!(c, ',' | ';');
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            _ => {}
        }
        parts
    });
    entries
        .filter_map(|entry| {
            let bracketed = entry
                .rsplit_once('<')
                .and_then(|(_, rest)| rest.split_once('>'));
            let address = bracketed.map_or(entry, |(address, _)| address).trim();
            // The name of a group goes before its first address.
            let address = match bracketed {
                Some(_) => address,
                None => address.rsplit(':').next().unwrap_or(address).trim(),
            };
            address.contains('@').then(|| address.to_owned())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::smtp::address::Address;

    #[test]
    fn addresses_are_found_in_what_people_write() {
        let table: [(&str, &[&str]); 6] = [
            ("", &[]),
            ("a@b.c", &["a@b.c"]),
            ("A B <a@b>, c@d;\"x, y@z\" <e@f>", &["a@b", "c@d", "e@f"]),
            ("Friends: a@b, c@d;", &["a@b", "c@d"]),
            ("undisclosed-recipients:;", &[]),
            ("张三 <z@例子.中国>", &["z@例子.中国"]),
        ];
        for (value, expected) in table {
            assert_eq!(addresses(value), expected, "{value}");
        }
    }

    #[test]
    fn bcc_and_a_made_up_sender_are_seen() {
        let address = |text: &str| Address::parse(text).expect("a literal address");
        let letter = Letter::read(
            b"From: Boss <boss@big.example>\r\nTo: a@X.example, c@x.example\r\nCc: d@x.example\r\n\r\n",
        );
        let envelope = Envelope {
            from: Some(address("mallory@example.com")),
            to: ["a@x.example", "b@x.example", "d@x.example"]
                .map(address)
                .into(),
        };
        assert_eq!(
            differences(&letter, &envelope),
            Differences {
                hidden: vec!["b@x.example".to_owned()],
                only_named: vec!["c@x.example".to_owned()],
                other_sender: Some(vec!["boss@big.example".to_owned()]),
            }
        );
        let honest = Envelope {
            from: Some(address("boss@BIG.example")),
            to: ["a@x.example", "c@x.example", "d@x.example"]
                .map(address)
                .into(),
        };
        assert_eq!(differences(&letter, &honest), Differences::default());
    }
}
