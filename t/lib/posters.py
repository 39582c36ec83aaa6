#!/usr/bin/python3
#
# posters.py PORT CLIENTS KEY PATH THINK_MS NAME - clients that keep their
# connection and create something again and again, NAME with two numbers.
#
# A request that is not answered 201 in whole has failed, also on a connection
# that the server closed meanwhile: nothing is asked twice.  The first line on
# standard input ends it, and then "GOOD FAILED WHY" is printed.

import asyncio
import json
import sys

LIMIT = 30      # seconds; an answer that takes longer will not come


async def answer(reader):
    """True when the server goes on with this connection."""
    head = (await reader.readuntil(b'\r\n\r\n')).lower()
    length = head.split(b'\r\ncontent-length: ')[1].split(b'\r\n')[0]
    body = await reader.readexactly(int(length))
    if not head.startswith(b'http/1.1 201 '):
        raise ValueError(head.split(b'\r\n')[0] + b' ' + body)
    return b'\r\nconnection: close' not in head


def request(path, key, title):
    body = json.dumps({'title': title}).encode()
    return (f'POST {path} HTTP/1.1\r\nHost: x\r\n'
            f'Authorization: Bearer {key}\r\n'
            f'Content-Type: application/json\r\n'
            f'Idempotency-Key: {title}\r\n'
            f'Content-Length: {len(body)}\r\n\r\n').encode() + body


async def client(n, port, key, path, think, name, count, end):
    writer = None
    k = 0
    while not end.is_set():
        k += 1
        try:
            if writer is None:
                reader, writer = await asyncio.open_connection('127.0.0.1',
                                                               port)
            writer.write(request(path, key, f'{name}-{n}-{k}'))
            stays = await asyncio.wait_for(answer(reader), LIMIT)
            count[0] += 1
        except (OSError, EOFError, ValueError, IndexError,
                asyncio.TimeoutError) as error:
            count[1] += 1
            count[2].add(repr(error))
            stays = False
        if not stays and writer is not None:
            writer.close()
            writer = None
        await asyncio.sleep(think / 1000)
    if writer is not None:
        writer.close()


async def main():
    port, clients, key, path, think, name = sys.argv[1:]
    count = [0, 0, set()]
    end = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin, end.set)
    await asyncio.gather(*(
        client(n, int(port), key, path, int(think), name, count, end)
        for n in range(int(clients))))
    print(count[0], count[1], *sorted(count[2])[:5])


asyncio.run(main())
