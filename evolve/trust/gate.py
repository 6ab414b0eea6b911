"""Approval gate for acts on the host on behalf of a received file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from evolve.errors import InfrastructureError, UsageError
from evolve.trust.acts import Act
from evolve.trust.approvals import Approvals

Ask = Callable[[str], bool]


class Gate:
    """Gate that lets approved acts pass and asks the user to approve others.

    Args:
        approvals: the earlier approvals.
        trust: the user gave ``--trust``.
        ask: shows a question at a terminal and returns the answer; None where nobody can be asked.
        command: the command that approves, for the message.
        notify: called when an approval could not be remembered.
    """

    def __init__(
        self,
        approvals: Approvals,
        *,
        trust: bool = False,
        ask: Ask | None = None,
        command: str = "",
        notify: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._approvals = approvals
        self._trust = trust
        self._ask = ask
        self._command = command
        self._notify = notify

    def admit(self, acts: Sequence[Act], *, typed: Iterable[Act] = (), source: str) -> None:
        """Return if ``acts`` are approved, and remember that.

        Args:
            acts: the intended acts.
            typed: acts that the user named on the command line, which approves them.
            source: the file that asks for the acts, for the message.

        Raises:
            UsageError: an act is not approved; the message names it, and the command that approves it.
        """
        own = set(typed)
        unknown = [act for act in acts if act not in own and not self._approvals.knows(act)]
        if unknown and not self._trust:
            listed = "\n".join(f"  - {act}" for act in unknown)
            what = f"{source} was not made or approved by you on this machine, and would:\n{listed}\n"
            if self._ask is None:
                raise UsageError(
                    f"{what}Read it first. To approve exactly this, and be asked again only when it changes, "
                    f"give --trust:\n  {self._command}"
                )
            if not self._ask(f"{what}Approve this, until it changes?"):
                raise UsageError(f"Not approved: nothing of {source} was executed or sent.")
        try:
            self._approvals.remember(acts)
        except InfrastructureError as error:
            self._notify(f"The approval holds for this command only: {error}")


def gate_of(function: str, trust: bool, notify: Callable[[str], None]) -> Gate:
    """Return the gate of a public function: it refuses what was not approved, unless ``trust`` is given."""
    command = f"evolve.{function}(..., trust=True)"
    return Gate(Approvals.of_user(), trust=trust, command=command, notify=notify)
