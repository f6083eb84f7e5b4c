//! The short page that says why an answer is what it is: the status, the rule in a sentence, and where it is written. The listing of a folder is
//! made where the folder is read.

use crate::proto::http::rule::Rule;
use crate::proto::http::status::Status;
use crate::words::Words;

/// A page for people, in HTML. Nothing of the request stands in it, so there is nothing to escape.
pub fn of_rule(rule: Rule, status: Status, words: Words) -> String {
    let (code, reason) = (status.code(), status.reason());
    let sentence = words.t(&format!("rule.{}", rule.name()));
    let lang = words.0.code();
    let source = match rule.source() {
        "-" => String::new(),
        source => format!("<p><small>{source}</small></p>\n"),
    };
    format!(
        "<!DOCTYPE html>\n\
         <html lang=\"{lang}\">\n\
         <meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{code} {reason}</title>\n\
         <style>body{{font:1.1em/1.5 system-ui,sans-serif;max-width:40em;margin:4em auto;padding:0 1em}}</style>\n\
         <h1>{code} {reason}</h1>\n\
         <p>{sentence}</p>\n\
         {source}\
         <hr>\n\
         <p><small>sockscope</small></p>\n\
         </html>\n"
    )
}
