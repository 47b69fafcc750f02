"""Commands that run inside a test leave no signal handlers behind: an end of the tests must not look like a Ctrl-C."""

import signal
from collections.abc import Iterator

import pytest

_TAKEN = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGALRM)


@pytest.fixture(autouse=True)
def _handlers_put_back() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in _TAKEN}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
