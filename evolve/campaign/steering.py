"""Requests of users, carried out between two candidates of a running campaign."""

from __future__ import annotations

import time
from collections.abc import Callable

from evolve.campaign.candidate_worker import EvaluateCandidate
from evolve.campaign.recorder import Recorder
from evolve.errors import ProgramError, UsageError
from evolve.events import Steered
from evolve.mutation import Proposal
from evolve.program import MemoryProgram
from evolve.runs.history import BY_HAND, STATIC
from evolve.runs.requests import Reader, SteeringRequest

POLL_SECONDS = 0.5
_AT_ONCE = ("pause", "resume", "stop")


class Steering:
    """Handler of requests: carries them out in order, and records each in the journal.

    Programs and hints are requests to the run: they stay valid when it is resumed. Pause, resume and stop are
    requests to the process: those that exist when it starts are ignored. For use from one thread.

    Args:
        read: returns the requests that are new.
        recorder: recorder of the campaign.
        max_seconds: time limit for making candidates in this process, without pauses; None: no limit.
        clock: monotonic clock, in seconds.
        sleep: waits for some seconds.

    Attributes:
        stopped: no further candidate may begin.
        process_only: only pause, resume and stop are carried out, since another optimizer chooses the
            candidates.
        bare: programs run in a bare process, so that none from elsewhere may be added.
    """

    def __init__(
        self,
        read: Reader,
        recorder: Recorder,
        max_seconds: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._read = read
        self._recorder = recorder
        self._clock = clock
        self._sleep = sleep
        self._waiting = [request for request in read() if request.action not in _AT_ONCE]
        self.stopped = False
        self.process_only = False
        self.bare = False
        self._end = None if max_seconds is None else clock() + max_seconds

    def take(self, number: int) -> None:
        """Carry out the requests since the last call.

        Args:
            number: of the next candidate; a request holds from there on, or from the first candidate of
                which nothing is recorded, if that comes later.

        Raises:
            UsageError: the file of requests is damaged.
        """
        requests = [*self._waiting, *self._read()]
        self._waiting = []
        if not requests:
            return
        done = {event.request for event in self._recorder.history.requests.events}
        for request in requests:
            if request.id not in done and (request.action in _AT_ONCE or not self.process_only):
                done.add(request.id)
                self._carry_out(request, max(number, self._recorder.history.next_number))

    @property
    def paused(self) -> bool:
        """True if no candidate may begin until a request to resume."""
        return self._recorder.history.requests.paused

    @property
    def over(self) -> bool:
        """True if no further candidate may begin: the time is up, or a user stopped the campaign."""
        return self.stopped or (self._end is not None and self._clock() >= self._end)

    def wait(self) -> None:
        """Wait a moment while the campaign is paused."""
        before = self._clock()
        self._sleep(POLL_SECONDS)
        if self._end is not None:
            self._end += self._clock() - before

    def _carry_out(self, request: SteeringRequest, number: int) -> None:
        history, program = self._recorder.history, ""
        parents = tuple(parent for parent in request.parents if history.candidate(parent))
        match request.action:
            case "stop":
                self.stopped = True
            case "add":
                program = self._recorder.save(MemoryProgram(request.source))
            case _:  # the history that records it says all that follows
                pass
        self._recorder.record(
            Steered(
                request=request.id,
                action=request.action,
                number=number,
                text=request.text,
                program=program,
                parents=parents,
                hint=request.hint,
            )
        )

    def added(self, number: int) -> EvaluateCandidate | None:
        """Return the job of evaluating the program that a user added under ``number``, which is not settled.

        None where the program cannot be evaluated, which is recorded with its reason.
        """
        recorder, history = self._recorder, self._recorder.history
        request = history.requests.added[number]
        try:
            program = recorder.program_of(request.program)
            program.check()
        except (ProgramError, UsageError) as error:
            return self._refuse(number, str(error))
        if self.bare:
            return self._refuse(number, _BARE)
        if (known := recorder.number_of(program)) is not None:
            return self._refuse(number, f"the same program as candidate #{known}")
        if history.proposed(number) is None:
            recorder.propose(number, Proposal(program, BY_HAND, request.text, request.parents))
        return EvaluateCandidate(number, program, STATIC)

    def _refuse(self, number: int, reason: str) -> None:
        self._recorder.discard(number, BY_HAND, reason, usd=0.0)


_BARE = (
    "programs of this campaign run in a bare process, where one from elsewhere would have your rights; use "
    "--sandbox docker or bwrap, or resume it with --unsafe-local"
)
