#!/usr/bin/python3
#
# http2.py PORT - one connection of HTTP/2 without TLS, told what to do by lines
# on standard input; each is answered with a line.
#
#     get N PATH            N streams; "ok"
#     post PATH SIZE        one with {"title":"SIZEx..."} of so many bytes, sent
#                           as the windows allow it; "ok"
#     part PATH SIZE        the same, but for the last byte
#     header NAME VALUE     of all later requests; "ok"
#     reset                 every other stream that is open; "ok"
#     goaway                says GOAWAY; "ok"
#     read                  until every open stream has ended; JSON with
#                           "status": how often each, "reset": by the server,
#                           "goaway": its code or null, "closed"
#     raw HEX               these bytes, whatever they are; "ok"

import collections
import json
import select
import socket
import sys

import h2.config
import h2.connection
import h2.events
import h2.exceptions

LIMIT = 60      # seconds

# Streams that are open when GOAWAY comes go on (RFC 9113, 6.8); this library
# would take no more of them.
State = h2.connection.ConnectionState
h2.connection.H2ConnectionStateMachine._transitions[
    State.CLIENT_OPEN, h2.connection.ConnectionInputs.RECV_GOAWAY
] = (None, State.CLIENT_OPEN)


class Client:
    def __init__(self, port):
        self.sock = socket.create_connection(('127.0.0.1', port))
        self.conn = h2.connection.H2Connection(
            h2.config.H2Configuration(header_encoding='utf-8'))
        self.conn.initiate_connection()
        self.headers = []
        self.open = {}
        self.unsent = {}
        self.status = collections.Counter()
        self.resets = 0
        self.goaway = None
        self.closed = False
        self.flush()

    def flush(self):
        try:
            self.sock.sendall(self.conn.data_to_send())
        except OSError:
            self.closed = True

    def begin(self, method, path, size=None):
        stream = self.conn.get_next_available_stream_id()
        head = [(':method', method), (':scheme', 'http'), (':path', path),
                (':authority', 'localhost')] + self.headers
        if size is not None:
            head += [('content-type', 'application/json'),
                     ('content-length', str(size))]
        self.conn.send_headers(stream, head, end_stream=size is None)
        self.open[stream] = None
        return stream

    def feed(self):
        """Send of each body what the windows take."""
        for stream, (data, last) in list(self.unsent.items()):
            n = min(self.conn.local_flow_control_window(stream), len(data))
            while n > 0:
                part = data[:min(n, self.conn.max_outbound_frame_size)]
                data = data[len(part):]
                n -= len(part)
                self.conn.send_data(stream, part,
                                    end_stream=last and not data)
            self.unsent[stream] = (data, last)
            if not data:
                del self.unsent[stream]
        self.flush()

    def take(self):
        data = self.sock.recv(65536)
        if not data:
            self.closed = True
            return
        for event in self.conn.receive_data(data):
            self.event(event)
        self.feed()

    def event(self, event):
        stream = getattr(event, 'stream_id', None)
        if isinstance(event, h2.events.ResponseReceived):
            self.status[dict(event.headers)[':status']] += 1
        elif isinstance(event, h2.events.DataReceived):
            self.conn.acknowledge_received_data(
                event.flow_controlled_length, stream)
        elif isinstance(event, h2.events.StreamEnded):
            self.open.pop(stream, None)
            self.unsent.pop(stream, None)
        elif isinstance(event, h2.events.StreamReset):
            self.open.pop(stream, None)
            self.unsent.pop(stream, None)
            self.resets += 1
        elif isinstance(event, h2.events.ConnectionTerminated):
            self.goaway = int(event.error_code)

    def ready(self, seconds):
        return select.select([self.sock], [], [], seconds)[0]

    # --- commands ---

    def get(self, n, path):
        for _ in range(int(n)):
            self.begin('GET', path)
        self.flush()

    def post(self, path, size, short=0):
        size = int(size)
        data = b'{"title":"' + str(size).encode().ljust(size - 12, b'x') + b'"}'
        stream = self.begin('POST', path, size)
        self.unsent[stream] = (data[:size - short], not short)
        self.feed()
        while self.unsent and not self.closed and self.ready(LIMIT):
            self.take()

    def part(self, path, size):
        self.post(path, size, 1)

    def header(self, name, *value):
        self.headers.append((name, ' '.join(value)))

    def reset(self):
        for stream in list(self.open)[::2]:
            self.conn.reset_stream(stream, 8)
            del self.open[stream]
        self.flush()

    def say_goaway(self):
        self.conn.close_connection()
        self.flush()

    def raw(self, data):
        self.sock.sendall(bytes.fromhex(data))

    def read(self):
        try:
            while self.open and not self.closed and self.ready(LIMIT):
                self.take()
            while not self.closed and self.ready(0):
                self.take()
        except (OSError, h2.exceptions.ProtocolError):
            self.closed = True
        said = {'status': self.status, 'reset': self.resets,
                'goaway': self.goaway, 'closed': self.closed,
                'open': len(self.open)}
        self.status = collections.Counter()
        return json.dumps(said)


def main():
    client = Client(int(sys.argv[1]))
    commands = {'get': client.get, 'post': client.post, 'part': client.part,
                'header': client.header, 'reset': client.reset,
                'goaway': client.say_goaway, 'raw': client.raw,
                'read': client.read}
    for line in sys.stdin:
        word, *rest = line.split()
        print(commands[word](*rest) or 'ok', flush=True)


main()
