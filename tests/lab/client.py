"""The pinger of a course's UDP lab, as a student writes it: ten pings, one second of patience each.

Usage: client.py PORT
"""

import socket
import sys
import time

client_socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client_socket.settimeout(1)
address = ("127.0.0.1", int(sys.argv[1]))

answered = 0
for i in range(1, 11):
    message = "Ping " + str(i)
    sent_at = time.time()
    client_socket.sendto(message.encode(), address)
    try:
        reply, _ = client_socket.recvfrom(1024)
        rtt = time.time() - sent_at
        print(reply.decode(), "RTT", round(rtt, 6), flush=True)
        answered += 1
    except socket.timeout:
        print("Request timed out", flush=True)
print("sent", 10, "answered", answered, flush=True)
