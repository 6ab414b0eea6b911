"""Thread with an event loop, on which a gateway makes its calls."""

from __future__ import annotations

import asyncio
import threading


class EventLoopThread:
    """Daemon thread that runs an event loop until ``stop``.

    Attributes:
        loop: the event loop.
    """

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="models", daemon=True)
        self._thread.start()

    @property
    def is_current(self) -> bool:
        """True on the thread itself."""
        return threading.current_thread() is self._thread

    def stop(self) -> None:
        """End the loop and the thread."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()
