#!/usr/bin/python3
#
# tlsrecords.py ADDRESS PORT SOCKET CERT KEY - TLS before PostgreSQL's socket,
# as a proxy would put it there: what the server says is gathered and sent in
# records of 16 kB, twice as large as the server itself makes them.  The end of
# standard input ends it.

import os
import select
import socket
import ssl
import sys
import threading

GATHER = 0.003      # seconds without a byte that end an answer


def gathered(server):
    data = server.recv(65536)
    while data and len(data) < 1 << 20 \
            and select.select([server], [], [], GATHER)[0]:
        more = server.recv(65536)
        if not more:
            break
        data += more
    return data


def pump(client, server):
    """One thread a connection: an SSL socket is not for two."""
    while True:
        if not client.pending():
            ready = select.select([client, server], [], [])[0]
        else:
            ready = [client]
        if client in ready:
            data = client.recv(65536)
            if not data:
                return
            server.sendall(data)
        if server in ready:
            data = gathered(server)
            if not data:
                return
            client.sendall(data)


def serve(plain, path, context):
    try:
        if plain.recv(8, socket.MSG_WAITALL)[4:] != b'\x04\xd2\x16\x2f':
            return
        plain.sendall(b'S')
        with context.wrap_socket(plain, server_side=True) as client, \
                socket.socket(socket.AF_UNIX) as server:
            server.connect(path)
            pump(client, server)
    except OSError:
        pass
    finally:
        plain.close()


def end_with_input():
    sys.stdin.read()
    os._exit(0)


def main():
    address, port, path, cert, key = sys.argv[1:]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    listener = socket.create_server((address, int(port)), backlog=64)
    threading.Thread(target=end_with_input, daemon=True).start()
    print('listens', flush=True)
    while True:
        plain = listener.accept()[0]
        threading.Thread(target=serve, args=(plain, path, context),
                         daemon=True).start()


main()
