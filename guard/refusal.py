"""The one exception with a meaning: this request goes no further."""

from __future__ import annotations

from typing import Self


class Refusal(Exception):
    """Ends an exchange with an answer made by the guard instead of the model's.

    Attributes:
        status: HTTP status code of the answer.
        code: machine-readable reason, e.g. ``client_blocked``; the same word stands in the journal.
        message: one sentence for the person behind the client. It never carries a secret or a rule's pattern.
        headers: extra response headers, lower-case names.
        close: the connection is not fit for another request (framing in doubt, body unread).
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        headers: tuple[tuple[bytes, bytes], ...] = (),
        close: bool = False,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers
        self.close = close

    def bare(self) -> Self:
        """The same refusal without the way it took: those frames hold the exchange, and the exchange will hold this.

        Such a ring is freed by the collector only, which comes seldom, and a flood of what is refused does not wait.
        """
        self.__traceback__ = self.__context__ = self.__cause__ = None
        return self
