"""Reads messages with Python's own package and compares them with what was meant.

    python3 read.py MANIFEST

The manifest is a list of objects: the file of a message, and the subject, body, sender, recipients, hidden recipients and attachments (name and file)
that it was made of. Prints every difference; ends with 1 if there is one.
"""

import json
import re
import sys
from email import errors, message_from_bytes, message_from_string, policy

# What a line may hold, without its end (RFC 5322 §2.1.1).
LONGEST_LINE = 998


def differences(meant):
    with open(meant["file"], "rb") as file:
        stored = file.read()
    # What the server has put on top is not what we composed.
    composed = stored[-meant["bytes"] :]
    if meant["international"]:
        # The package takes header fields in UTF-8 (RFC 6532) from text only, and still calls such addresses defective.
        read = message_from_string(composed.decode(), policy=policy.default)
        tolerated = errors.NonASCIILocalPartDefect
    else:
        read = message_from_bytes(composed, policy=policy.default)
        tolerated = ()

    def differ(what, found, wanted):
        if found != wanted:
            yield f"{what}: {found!r}, not {wanted!r}"

    for part in read.walk():
        yield from differ("defects", part.defects, [])
        for name, value in part.items():
            defects = [defect for defect in value.defects if not isinstance(defect, tolerated)]
            yield from differ(f"defects of {name}", defects, [])
    if re.search(rb"(?<!\r)\n|\r(?!\n)", composed):
        yield "a bare CR or LF"
    longest = max(len(line) for line in composed.split(b"\r\n"))
    if longest > LONGEST_LINE:
        yield f"a line of {longest} bytes"
    if not meant["international"] and not composed.isascii():
        yield "a byte beyond ASCII"
    for name in ("Date", "Message-ID", "MIME-Version", "From"):
        yield from differ(f"headers {name}", len(read.get_all(name, [])), 1)
    yield from differ("Bcc", read.get_all("Bcc"), None)
    for hidden in meant["bcc"]:
        if hidden.encode() in composed:
            yield f"{hidden} stands in the message"
    # A message about nothing has no such field.
    yield from differ("subject", read["Subject"] or "", meant["subject"])
    for name in ("From", "To", "Cc"):
        field = read[name]
        found = [] if field is None else [[a.display_name, a.addr_spec] for a in field.addresses]
        yield from differ(name, found, meant[name.lower()])
    body = read.get_body(("plain",))
    if body is None:
        yield "no body"
    else:
        yield from differ("body", body.get_content().replace("\r\n", "\n"), meant["body"])
    found = [(part.get_filename(), part.get_payload(decode=True)) for part in read.iter_attachments()]
    wanted = []
    for name, path in meant["attachments"]:
        with open(path, "rb") as file:
            wanted.append((name, file.read()))
    yield from differ("attachments", [name for name, _ in found], [name for name, _ in wanted])
    for (name, content), (_, content_meant) in zip(found, wanted):
        if content != content_meant:
            yield f"attachment {name}: {content[:80]!r}, not {content_meant[:80]!r}"


def main(manifest):
    with open(manifest, encoding="utf-8") as file:
        messages = json.load(file)
    count = 0
    for meant in messages:
        for difference in differences(meant):
            print(f"{meant['subject'][:40]!r}: {difference}"[:600])
            count += 1
    print(f"{len(messages)} messages, {count} differences")
    sys.exit(count > 0)


main(sys.argv[1])
