"""Sessions that follow one another in one process leave no garbage behind."""

import gc
import weakref

from pytest_domainsafety.session.readiness import spare_the_collector


class Session:
    """Refers to itself, so that only the collector can free it."""

    def __init__(self):
        self.own = self


def test_a_second_session_frees_what_the_first_one_left():
    session = Session()
    left = weakref.ref(session)
    try:
        spare_the_collector()
        del session
        gc.collect()
        assert left() is not None  # kept, so that nobody looks for it
        spare_the_collector()
        assert left() is None
    finally:
        gc.unfreeze()
