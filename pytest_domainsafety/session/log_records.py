"""What libraries log of requests is left out of pytest's logs.

HTTP libraries log addresses with their passwords and headers, in which a server may
quote a key or a prompt; vendors' own log whole requests. All of it is made on the
engine's thread, whichever library it is, so that is where it is stopped: a level or
a filter would hold for one logger each, and for an application's own requests, too.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

# No handler takes a record below its own level, and none has one below 0.
BELOW_ALL = -1


def leave_out(thread: str) -> Callable[[], None]:
    """Take the words out of every log record that a thread makes, and then the record.

    Args:
        thread: Its name.

    Returns:
        Puts things as they were; a factory that was set meanwhile stays.
    """
    before = logging.getLogRecordFactory()

    def made(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = before(*args, **kwargs)
        if record.threadName == thread:
            record.levelno = BELOW_ALL
            record.msg, record.args = "", ()
            record.exc_info = record.exc_text = record.stack_info = None
        return record

    def put_back() -> None:
        if logging.getLogRecordFactory() is made:
            logging.setLogRecordFactory(before)

    logging.setLogRecordFactory(made)
    return put_back
