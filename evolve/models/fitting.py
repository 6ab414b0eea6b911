"""Fitting of prompts to a model's context, with room for the reply."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from evolve.errors import ModelError
from evolve.models.chat import ChatModel, Message
from evolve.models.prompts import Prompt
from evolve.models.tokens import most_tokens

LEAST = 200
"""Least characters of a shortened text."""
MARGIN = 64
"""Tokens that a server adds around messages."""
_MESSAGE = 8
"""Tokens that a server adds around one message."""


@dataclass(frozen=True)
class Room:
    """Tokens of a model's context: for prompt and reply together, and for the reply alone.

    Attributes:
        context: tokens of both; None where unknown: everything fits then.
        reply: most tokens of the reply; None: a quarter of the context, at most 2,048.
        model: name, for errors.
    """

    context: int | None = None
    reply: int | None = None
    model: str = "the model"

    @classmethod
    def of(cls, model: ChatModel) -> Room:
        """Return the room of ``model``. Asks its server if not asked before: not on the event loop."""
        return cls(model.context_tokens, model.reply_tokens, model.identity)

    @property
    def prompt(self) -> int | None:
        """Tokens left for the prompt; None for no limit."""
        if self.context is None:
            return None
        reply = self.reply if self.reply is not None else min(2_048, self.context // 4)
        return self.context - reply - min(MARGIN, self.context // 16)

    def smaller(self) -> Room:
        """Return three quarters of the room for the prompt, for where estimates were too low."""
        limit = self.prompt
        if limit is None or self.context is None:
            return self
        return replace(self, context=self.context - limit // 4)

    def holds(self, messages: Sequence[Message]) -> bool:
        """Return whether the messages fit, by a cautious estimate."""
        limit = self.prompt
        if limit is None:
            return True
        texts = [message["content"] for message in messages]
        limit -= _MESSAGE * len(texts)
        # A token is at least a byte.
        return sum(len(text.encode("utf-8", "replace")) for text in texts) <= limit or (
            sum(map(most_tokens, texts)) <= limit
        )

    def left_for_reply(self, messages: Sequence[Message], at_most: int | None) -> int | None:
        """Return a limit for the reply within the context; ``at_most`` where that is not known."""
        if self.context is None or at_most is None:
            return at_most
        taken = sum(most_tokens(message["content"]) + _MESSAGE for message in messages)
        return min(at_most, max(MARGIN, self.context - taken - MARGIN))

    def fit(
        self, prompt: Prompt, slots: Mapping[str, str], may_be_cut: Sequence[str]
    ) -> tuple[tuple[Message, ...], int]:
        """Return the messages of ``prompt``, with its longest texts shortened as far as it takes.

        If they fit, the messages are those of ``prompt.messages``. A shortened text keeps its beginning and
        its end, with a note between them on how much was left out. It keeps at least ``LEAST`` characters.

        Args:
            prompt: prompt with the sections ``system`` and ``user``.
            slots: texts of the prompt by name.
            may_be_cut: names of those that may be shortened, all of them to the same length.

        Returns:
            The messages, and the number of characters left out.

        Raises:
            ModelError: of kind ``too_long``: it does not fit even when shortened.
        """
        whole = prompt.messages(**slots)
        if self.holds(whole):
            return whole, 0
        lengths = [len(slots[name]) for name in may_be_cut]

        def shortened_to(most: int) -> dict[str, str]:
            return {**slots, **{name: shortened(slots[name], most) for name in may_be_cut}}

        low, high = LEAST, max(lengths, default=LEAST)
        if not self.holds(prompt.messages(**shortened_to(low))):
            raise self._too_long(whole, prompt.messages(**shortened_to(low)))
        while high - low > max(16, low // 50):
            middle = (low + high) // 2
            if self.holds(prompt.messages(**shortened_to(middle))):
                low = middle
            else:
                high = middle
        left_out = sum(left_out_of(slots[name], low) for name in may_be_cut)
        return prompt.messages(**shortened_to(low)), left_out

    def _too_long(self, whole: Sequence[Message], least: Sequence[Message]) -> ModelError:
        full, short = (sum(most_tokens(message["content"]) for message in one) for one in (whole, least))
        kept = f"max_tokens {self.reply:,}" if self.reply is not None else "the reply's share"
        return ModelError(
            "too_long",
            f"A prompt of about {full:,} tokens does not fit {self.model}: its context has {self.context:,} "
            f"tokens, of which {kept} is kept for the reply, and the parts that must stay take {short:,}.",
            remedy="Use a model with a longer context for this role, or lower its max_tokens.",
        )


NO_LIMIT = Room()
"""Room of a model whose context length is unknown."""


def shortened(text: str, most: int) -> str:
    """Return a text of about ``most`` characters: its beginning, a note of what was left out, and its end.

    It is cut at line ends where there are some near by. A text that is not longer is kept.

    >>> shortened("a" * 300, 200)[95:140]
    'aaaaa\\n[... 100 characters left out ...]\\naaaa'
    """
    if len(text) <= most:
        return text
    head, tail = _kept(text, most)
    left_out = len(text) - len(head) - len(tail)
    return f"{head}\n[... {left_out:,} characters left out ...]\n{tail}"


def left_out_of(text: str, most: int) -> int:
    """Return how many characters ``shortened`` leaves out."""
    return 0 if len(text) <= most else len(text) - sum(map(len, _kept(text, most)))


def _kept(text: str, most: int) -> tuple[str, str]:
    """Beginning and end of a text, together at most ``most`` characters; two thirds are its beginning."""
    ahead = most - most // 3
    head, tail = text[:ahead], text[len(text) - most // 3 :]
    line = head.rfind("\n", ahead - ahead // 5)
    head = head[:line] if line > 0 else head
    start = tail.find("\n", 0, len(tail) // 5 + 1)
    return head, tail[start + 1 :] if start >= 0 else tail
