"""The echo server of a course's UDP lab, as a student writes it, with a seed so that its losses repeat and counts at the end.

Usage: server.py SEED DATAGRAMS
"""

import random
import socket
import sys

seed, datagrams = int(sys.argv[1]), int(sys.argv[2])
random.seed(seed)
server_socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server_socket.bind(("127.0.0.1", 0))
print(server_socket.getsockname()[1], flush=True)

answered = 0
for _ in range(datagrams):
    draw = random.randint(0, 10)
    message, address = server_socket.recvfrom(1024)
    print(message.decode(), flush=True)
    message = message.upper()
    if draw < 4:
        continue
    server_socket.sendto(message, address)
    answered += 1
print("received", datagrams, "answered", answered, flush=True)
