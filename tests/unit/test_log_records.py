"""What is logged on the engine's thread says nothing; all else is as it was."""

from __future__ import annotations

import logging
import threading

from pytest_domainsafety.session.log_records import leave_out


def say(thread, caplog):
    def run():
        try:
            raise ValueError("the prompt")
        except ValueError:
            logging.getLogger("a.library").exception(
                "%s", "the prompt", stack_info=True
            )

    caplog.clear()
    other = threading.Thread(target=run, name=thread)
    other.start()
    other.join()
    return caplog.text


def test_the_words_of_one_thread_are_left_out(caplog):
    before = logging.getLogRecordFactory()
    put_back = leave_out("quiet")
    assert "the prompt" in say("loud", caplog)
    assert say("quiet", caplog) == ""
    put_back()
    assert logging.getLogRecordFactory() is before
    assert "the prompt" in say("quiet", caplog)


def test_a_factory_that_was_set_meanwhile_stays(caplog):
    before = logging.getLogRecordFactory()
    put_back = leave_out("quiet")
    logging.setLogRecordFactory(logging.LogRecord)
    put_back()
    assert logging.getLogRecordFactory() is logging.LogRecord
    logging.setLogRecordFactory(before)
