"""Password hashes: argon2id, off the event loop, a few at a time because each takes much memory."""

import asyncio

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

CONCURRENT_HASHES = 2


class Passwords:
    """Hashes and checks passwords with argon2id."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._slots = asyncio.Semaphore(CONCURRENT_HASHES)
        self._decoy: str | None = None

    async def hash(self, password: str) -> str:
        """Return the hash to store, with its salt and parameters inside."""
        async with self._slots:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def check(self, password: str, *, stored: str | None) -> bool:
        """Tell whether a password fits; an unknown user (null) takes as long as a known one."""
        if self._decoy is None:  # made for the known as well, or the first unknown would stand out
            self._decoy = await self.hash("nobody has this password")
        async with self._slots:
            fits = await asyncio.to_thread(self._verify, stored or self._decoy or "", password)
        return fits and stored is not None

    def _verify(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False
