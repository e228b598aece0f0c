"""Errors RoboMetrics raises on purpose, grouped by what the catcher has to do."""

from __future__ import annotations

from typing import ClassVar


class RoboMetricsError(Exception):
    """Base of all errors raised on purpose; any other exception is a bug.

    ``code`` labels counters, replies and API errors, so its values are few and fixed.
    """

    code: ClassVar[str] = "error"


class SettingsError(RoboMetricsError):
    """The configuration cannot work: the service refuses to start."""

    code = "settings"


class InvalidNameError(RoboMetricsError):
    """A host, process or tag name breaks the naming rules: ask for another one."""

    code = "invalid_name"


class SkipProcessError(RoboMetricsError):
    """This process cannot be read: the worker goes on with the others."""

    code = "process_unreadable"

    def __init__(self, pid: int) -> None:
        super().__init__(pid)
        self.pid = pid

    def __str__(self) -> str:
        return f"process {self.pid}: {self.code}"


class ProcessGoneError(SkipProcessError):
    """It ended before or while being read; stop watching it."""

    code = "process_gone"


class ProcessDeniedError(SkipProcessError):
    """The worker lacks the right to read it; watching it makes no sense yet."""

    code = "process_denied"


class TooManyFilesError(SkipProcessError):
    """The worker may open no more files; raise its limit (``ulimit -n``)."""

    code = "too_many_open_files"


class EnrolmentError(RoboMetricsError):
    """Nobody can be enrolled or revoked like that: ask for something else."""

    code = "enrolment"


class RegistrationRefusedError(RoboMetricsError):
    """The worker will not watch this process; asking again will not help."""

    code = "registration_refused"


class NoWorkerError(RoboMetricsError):
    """No worker answered, by NATS or by the local socket; it may come later."""

    code = "no_worker"


class DiscardMessageError(RoboMetricsError):
    """No redelivery can mend this message: the consumer terminates it."""

    code = "message_malformed"


class RetryLaterError(RoboMetricsError):
    """A server is away or full: keep what you hold, and try again later."""

    code = "server_unavailable"


class ExportRefusedError(RoboMetricsError):
    """A system we export to will never take this: count it, and go on without."""

    code = "export_refused"


class NoVerifierError(RoboMetricsError):
    """No server tells what is stored: keep what you hold until one runs."""

    code = "no_verifier"


class NotStoredError(RoboMetricsError):
    """The server did not store something in time, or cannot: it is kept."""

    code = "not_stored"


class OutboxError(RoboMetricsError):
    """The outbox cannot be used as it is; the message says what to do."""

    code = "outbox"


class DiskFullError(OutboxError):
    """The outbox cannot grow; it may give up its oldest messages."""

    code = "disk_full"


class MissingBinaryError(RoboMetricsError):
    """A server program is not installed; the message names the package."""

    code = "missing_binary"


class QueryTimeoutError(RoboMetricsError):
    """An answer takes longer than it may: ask for less, or give it more time."""

    code = "query_timeout"


class NotFoundError(RoboMetricsError):
    """What was asked for is not known."""

    code = "not_found"


class BadRequestError(RoboMetricsError):
    """A value in a request is wrong; ``field`` names it."""

    code = "bad_request"

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(field, problem)
        self.field = field
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.field}: {self.problem}"


class NotLoggedInError(RoboMetricsError):
    """Who asks is not known: send a token, or log in."""

    code = "unauthorized"


class ForbiddenError(RoboMetricsError):
    """Who asks may not do this, or not from there."""

    code = "forbidden"


class MisdirectedError(RoboMetricsError):
    """The server is asked by a name that is not its own."""

    code = "misdirected_request"


class TooManyError(RoboMetricsError):
    """Too many attempts or connections: wait, or let some go."""

    code = "too_many_requests"
