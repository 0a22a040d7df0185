"""What goes over the wire to PostgreSQL, counted between the application and its server."""

import asyncio
from contextlib import asynccontextmanager, suppress

from sqlalchemy.engine import make_url

# Messages after which a client has to wait for the server: Query, Sync and Flush.
WAITED_FOR = (b"Q", b"S", b"H")


class Wire:
    """A proxy in front of a server; ``round_trips`` counts the questions it was asked."""

    def __init__(self, url):
        self._server = make_url(url)
        self.url = ""
        self.round_trips = 0
        self._pumps = set()

    @asynccontextmanager
    async def open(self):
        """Serve the database behind this at ``url``."""
        proxy = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        async with proxy:
            port = proxy.sockets[0].getsockname()[1]
            there = self._server.set(host="127.0.0.1", port=port)
            self.url = there.render_as_string(hide_password=False)
            try:
                yield
            finally:
                for pump in self._pumps:
                    pump.cancel()
                await asyncio.gather(*self._pumps, return_exceptions=True)

    async def _connected(self, asked, answer):
        self._pumps.add(asyncio.current_task())
        there, back = await asyncio.open_connection(self._server.host, self._server.port or 5432)
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                await asyncio.gather(self._questions(asked, back), self._answers(there, answer))
        finally:
            answer.close()
            back.close()

    async def _questions(self, asked, back):
        # Messages have a letter and a length; those that open a connection have no letter.
        letter = b""
        while True:
            length = await asked.readexactly(4)
            rest = await asked.readexactly(int.from_bytes(length) - 4)
            self.round_trips += letter in WAITED_FOR
            back.write(letter + length + rest)
            if letter or len(rest) > 4:  # else it asks for encryption, and then begins anew
                letter = await asked.readexactly(1)

    async def _answers(self, there, answer):
        while data := await there.read(65536):
            answer.write(data)
        answer.close()
