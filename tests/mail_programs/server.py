"""Three servers by aiosmtpd: one without TLS and login, one where STARTTLS and a login are a must, one with TLS from the first byte and a login.

    python3 server.py CERTIFICATE KEY

Prints their ports in this order, then a line of JSON a message.
"""

import asyncio
import base64
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult


class Keeper:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody@"):
            return "550 5.1.1 No such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Recipient ok"

    async def handle_DATA(self, server, session, envelope):
        message = {
            "from": envelope.mail_from,
            "options": envelope.mail_options,
            "to": envelope.rcpt_tos,
            "login": session.authenticated,
            "content": base64.b64encode(envelope.original_content).decode(),
        }
        print(json.dumps(message), flush=True)
        return "250 2.0.0 Kept"


def authenticate(server, session, envelope, mechanism, data):
    known = data.login == b"student" and data.password == b"secret"
    return AuthResult(success=known, handled=False)


async def main(certificate, key):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    login = {"authenticator": authenticate, "auth_required": True}
    kinds = [
        ({}, None),
        ({"tls_context": context, "require_starttls": True, **login}, None),
        ({"auth_require_tls": False, **login}, context),
    ]
    loop = asyncio.get_running_loop()
    for options, from_the_start in kinds:

        def serve(options=options):
            return SMTP(Keeper(), enable_SMTPUTF8=True, loop=loop, **options)

        server = await loop.create_server(serve, "127.0.0.1", 0, ssl=from_the_start)
        print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()


asyncio.run(main(*sys.argv[1:]))
