#!/usr/bin/python3
#
# keepalive.py PORT CLIENTS THINK_MS ... - clients that keep their connection.
#
# CLIENTS of them share the think times in turn; each asks again and again,
# on one connection until the server says that it closes.  A request that is
# not answered 200 in whole has failed, also on a connection that the server
# closed meanwhile: nothing is asked twice.  The first line on standard input
# ends it: each asks once more, however long it thought meanwhile, and then
# "THINK_MS GOOD FAILED WHY" is printed, a line a think time, with the reasons
# there were.

import asyncio
import sys

LIMIT = 30      # seconds; an answer that takes longer will not come
PATHS = ['/api/v1/store', '/healthz', '/file.txt']


async def answer(reader):
    """True when the server goes on with this connection."""
    head = (await reader.readuntil(b'\r\n\r\n')).lower()
    if not head.startswith(b'http/1.1 200 '):
        raise ValueError(head.split(b'\r\n')[0])
    length = head.split(b'\r\ncontent-length: ')[1].split(b'\r\n')[0]
    await reader.readexactly(int(length))
    return b'\r\nconnection: close' not in head


async def client(port, think, count, end):
    writer = None
    n = 0
    last = False
    while not last:
        last = end.is_set()
        n += 1
        path = PATHS[n % len(PATHS)]
        try:
            if writer is None:
                reader, writer = await asyncio.open_connection('127.0.0.1',
                                                               port)
            writer.write(f'GET {path} HTTP/1.1\r\nHost: x\r\n\r\n'.encode())
            stays = await asyncio.wait_for(answer(reader), LIMIT)
            count[0] += 1
        except (OSError, EOFError, ValueError,
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
    port, clients, *thinks = map(int, sys.argv[1:])
    counts = {think: [0, 0, set()] for think in thinks}
    end = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin, end.set)
    await asyncio.gather(*(
        client(port, thinks[n % len(thinks)], counts[thinks[n % len(thinks)]],
               end)
        for n in range(clients)))
    for think, (good, failed, why) in counts.items():
        print(think, good, failed, *why)


asyncio.run(main())
