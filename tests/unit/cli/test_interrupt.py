"""Ctrl+C, however the system delivers it."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from kinstall.cli.interrupt import LISTENER, interruptible


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_while_the_main_thread_waits(number: signal.Signals) -> None:
    """A signal that another thread takes does not wake the main one, which waits for the run: it stops all the same."""
    cancel, run = threading.Event(), threading.Lock()
    run.acquire()
    waits = threading.Event()

    def node() -> None:
        waits.wait(5)
        signal.pthread_kill(threading.get_ident(), number)
        if cancel.wait(5):
            run.release()

    thread = threading.Thread(target=node)
    thread.start()
    with interruptible(cancel):
        waits.set()
        assert run.acquire(timeout=10), "the run was not stopped"
    assert cancel.is_set()
    thread.join()


def test_once_more_ends_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    """At once, with the code of a program that the signal ended."""
    codes: list[int] = []
    ended = threading.Event()

    def end(code: int) -> None:
        codes.append(code)
        ended.set()

    monkeypatch.setattr(os, "_exit", end)
    cancel = threading.Event()
    with interruptible(cancel):
        signal.raise_signal(signal.SIGINT)
        assert cancel.wait(5)
        signal.raise_signal(signal.SIGINT)
        assert ended.wait(5)
    assert codes == [130]


def test_what_was_there_before_is_put_back() -> None:
    """Handlers and the wake-up descriptor, also after a signal; the thread of its own is gone."""
    before = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    cancel = threading.Event()
    with interruptible(cancel):
        signal.raise_signal(signal.SIGTERM)
        cancel.wait(5)
        assert LISTENER in [thread.name for thread in threading.enumerate()]
    assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] == before
    assert LISTENER not in [thread.name for thread in threading.enumerate()]
    assert signal.set_wakeup_fd(-1) == -1
