"""Hosts whose processes end past ``atexit``, and the places where they let others know."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any, Final

Leave = Callable[[], None]

_covered_children: Final[set[int]] = set()
"""This process's id, if it is a child of multiprocessing and is seen to."""


def cover_multiprocessing(leave: Leave) -> None:
    """Call ``leave`` at the end of a child of multiprocessing or billiard: both use ``os._exit``.

    They run their finalizers first, and wait for threads that are no daemons afterwards: where
    there are such, ``leave`` is called after the last of them.
    """
    util = sys.modules.get("multiprocessing.util")
    if util is None or os.getpid() in _covered_children or not _is_child():
        return
    _covered_children.clear()
    _covered_children.add(os.getpid())
    util.Finalize(None, _leave_last, args=(leave,), exitpriority=0)


def _is_child() -> bool:
    multiprocessing = sys.modules.get("multiprocessing")
    child = multiprocessing is not None and multiprocessing.parent_process() is not None
    return child or "billiard.process" in sys.modules


def _leave_last(leave: Leave) -> None:
    me = threading.current_thread()
    others = [thread for thread in threading.enumerate() if not thread.daemon and thread is not me]
    if others:
        threading.Thread(target=_leave_after, args=(others, leave)).start()
    else:
        leave()


def _leave_after(threads: list[threading.Thread], leave: Leave) -> None:
    for thread in threads:
        thread.join()
    leave()


def cover_celery(leave: Leave) -> None:
    """Call ``leave`` when a process of celery's prefork pool ends: it runs no finalizer."""
    signals = sys.modules.get("celery.signals")
    if signals is not None:

        def leave_pool(**_: Any) -> None:
            leave()

        signals.worker_process_shutdown.connect(leave_pool, weak=False, dispatch_uid="llmmon")


def cover_uvicorn(handler: Any, leave: Leave, flush: Leave) -> bool:
    """Act at the end of the uvicorn server whose SIGTERM handler this is; False if it is none.

    Uvicorn puts back the handlers that it found and sends itself the signal again: a server that
    loads its application late, as ``--workers`` does, dies of it.
    """
    module, server = sys.modules.get("uvicorn.server"), getattr(handler, "__self__", None)
    if module is None or not isinstance(server, module.Server):
        return False
    if "shutdown" not in vars(server):
        shutdown = server.shutdown

        async def shut_down(*args: Any, **kwargs: Any) -> None:
            try:
                await shutdown(*args, **kwargs)
            finally:
                dies = signal.SIGTERM in getattr(server, "_captured_signals", ())
                (leave if dies else flush)()

        vars(server)["shutdown"] = shut_down
    return True
