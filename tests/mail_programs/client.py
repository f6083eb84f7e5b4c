"""Sends by smtplib what people send with it, to the server in the first two arguments, trusting the certificate in the third.

    python3 client.py PORT TLS_PORT AUTHORITY

Prints the bytes of each message as JSON, line by line, in the order in which they were sent.
"""

import json
import smtplib
import ssl
import sys
from email import policy
from email.message import EmailMessage

FROM = "student@example.com"
TO = ["teacher@example.com", "class@example.com"]
# The password of the tests.
ACCOUNT = ("student", "secret")


def message(subject, text, to=TO, attachments=()):
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = FROM, ", ".join(to), subject
    made.set_content(text)
    for name, content in attachments:
        made.add_attachment(content, maintype="application", subtype="octet-stream", filename=name)
    return made


def tell(made, utf8=False):
    rules = policy.SMTPUTF8 if utf8 else policy.SMTP
    print(json.dumps(made.as_bytes(policy=rules).decode("utf-8", "surrogateescape")), flush=True)


def main(port, tls_port, authority):
    context = ssl.create_default_context(cafile=authority)
    with smtplib.SMTP("127.0.0.1", port) as server:
        server.starttls(context=context)
        for mechanism in ("PLAIN", "LOGIN", "CRAM-MD5"):
            server.ehlo()
            assert mechanism in server.esmtp_features["auth"].split()
        server.login(*ACCOUNT)
        first = message("First", "One.\n.\n..two dots\n.three\n")
        tell(first)
        assert server.send_message(first) == {}
        # A second one in the same session, with attachments.
        bytes_of_all_kinds = bytes(range(256)) * 400
        second = message("第二封", "正文\n", attachments=[("数据.bin", bytes_of_all_kinds), ("empty", b"")])
        tell(second)
        assert server.send_message(second) == {}

    for user, password in (ACCOUNT, ("student", "wrong"), ("nobody", "secret")):
        for mechanism in ("auth_plain", "auth_login", "auth_cram_md5"):
            with smtplib.SMTP_SSL("localhost", tls_port, context=context) as server:
                server.ehlo()
                server.user, server.password = user, password
                name = mechanism.removeprefix("auth_").replace("_", "-").upper()
                try:
                    code, _ = server.auth(name, getattr(server, mechanism))
                except smtplib.SMTPAuthenticationError as error:
                    code = error.smtp_code
                assert code == (235 if (user, password) == ACCOUNT else 535), (user, name, code)

    with smtplib.SMTP_SSL("localhost", tls_port, context=context) as server:
        third = message("Ü", "ü\n", to=["王@例子.中国"])
        tell(third, utf8=True)
        assert server.send_message(third) == {}

    try:
        with smtplib.SMTP("127.0.0.1", port) as server:
            server.starttls(context=ssl.create_default_context())
    except ssl.SSLCertVerificationError:
        return
    sys.exit("a certificate that nobody vouched for was taken")


main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
