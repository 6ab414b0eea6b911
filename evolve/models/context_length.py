"""Discovery of a model's context length: from its server, or from a table of models."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from evolve.models.provider import AttemptFailed
from evolve.models.settings import ModelSettings, provider_of

if TYPE_CHECKING:
    import httpx

PATIENCE = 3.0
"""Seconds that a server has to state its context length."""
RETRY = 300.0
"""Seconds after which a server that did not state it is asked again."""
OLLAMA_DEFAULT = 4096
"""Tokens that Ollama reads unless it is told ``num_ctx``, however many the model was trained on."""
_LOCAL_OLLAMA = "http://localhost:11434"
_MODEL_KEYS = (
    "loaded_context_length",  # LM Studio
    "max_model_len",  # vLLM, SGLang
    "context_length",  # OpenRouter, Together
    "context_window",  # Groq
    "max_context_length",  # Mistral
)
_NUM_CTX = re.compile(r"^\s*(?:PARAMETER\s+)?num_ctx\s+(\d+)", re.MULTILINE)


class ContextLengths:
    """Context lengths of models, each asked for once. Thread-safe.

    Args:
        find: finds the context of a model, or None; a failure is None too.
        notify: called with a sentence on each length found.
        clock: monotonic clock, in seconds; a failed search is repeated after ``RETRY`` seconds.
    """

    def __init__(
        self,
        find: Callable[[ModelSettings], int | None],
        notify: Callable[[str], None],
        clock: Callable[[], float],
    ) -> None:
        self._find = find
        self._notify = notify
        self._clock = clock
        self._guard = threading.Lock()
        self._known: dict[tuple[str | None, str, str], int] = {}
        self._asked: dict[tuple[str | None, str, str], float] = {}

    def of(self, settings: ModelSettings, *, may_ask: bool) -> int | None:
        """Return the context of a model as configured or found; None if unknown, or not asked yet."""
        if settings.context_tokens is not None:
            return settings.context_tokens
        key = (settings.api_base, settings.model, str(settings.parameters.get("num_ctx")))
        if key in self._known or not may_ask:
            return self._known.get(key)
        with self._guard:
            asked = self._asked.get(key)
            if key in self._known or (asked is not None and self._clock() - asked < RETRY):
                return self._known.get(key)
            try:
                found = self._find(settings)
            except (AttemptFailed, RuntimeError):  # the first call meets and reports it
                found = None
            self._asked[key] = self._clock()
            if found is not None:
                self._known[key] = found
                self._notify(
                    f"{settings.model} takes {found:,} tokens of prompt and reply together; what does not "
                    "fit is left out of prompts, which say so (context_tokens sets another number)."
                )
            return found


async def served_context(
    settings: ModelSettings, key: str | None = None, transport: httpx.AsyncBaseTransport | None = None
) -> int | None:
    """Return how many tokens of prompt and reply together a server holds for one request; None if unknown.

    Asked are, by GET and all at once, llama.cpp's ``/props`` (the context of one of its parallel slots) and
    ``/v1/models`` (vLLM and others); of Ollama ``/api/show``. A failed request is no answer.

    Args:
        settings: settings of the model; without ``api_base`` only a local Ollama is asked.
        key: sent as a bearer token, to the address of ``api_base`` alone.
        transport: of the HTTP client; None for the network.
    """
    import httpx  # 0.1 s, which no start need wait for

    provider, _, name = settings.model.partition("/")
    headers = {"Authorization": f"Bearer {key}"} if key and settings.api_base else {}
    async with httpx.AsyncClient(headers=headers, timeout=PATIENCE, transport=transport) as client:
        if provider in ("ollama", "ollama_chat"):
            base = (settings.api_base or _LOCAL_OLLAMA).rstrip("/").removesuffix("/v1")
            return await _of_ollama(client, base, name, settings.parameters)
        if settings.api_base is None:
            return None
        base = settings.api_base.rstrip("/")
        props, models = await asyncio.gather(
            _json(client, "GET", f"{base.removesuffix('/v1')}/props"), _json(client, "GET", f"{base}/models")
        )
    return _of_props(props) or _of_models(models, {name, settings.model})


def tabled_context(model: str, table: Mapping[str, Any]) -> int | None:
    """Return the length in litellm's table of models, under the model's name with or without its provider."""
    for name in (model, model.partition("/")[2]):
        entry = table.get(name)
        if isinstance(entry, Mapping) and (tokens := _positive(entry.get("max_input_tokens"))):
            return tokens
    return None


def has_server(settings: ModelSettings) -> bool:
    """Return whether a server can be asked for the model's context."""
    return settings.api_base is not None or provider_of(settings.model) in ("ollama", "ollama_chat")


async def _of_ollama(
    client: httpx.AsyncClient, base: str, name: str, parameters: Mapping[str, Any]
) -> int | None:
    """Return the configured context length, else that of the model file, else Ollama's default; at most the
    length it was trained on.
    """
    shown = await _json(client, "POST", f"{base}/api/show", {"model": name})
    info = shown.get("model_info")
    lengths = [
        tokens
        for key, value in (info.items() if isinstance(info, Mapping) else ())
        if str(key).endswith(".context_length") and (tokens := _positive(value))
    ]
    if not lengths:
        return None
    written = _NUM_CTX.search(str(shown.get("parameters", "")))
    used = _positive(parameters.get("num_ctx")) or (int(written[1]) if written else OLLAMA_DEFAULT)
    return min(used, *lengths)


def _of_props(props: Mapping[str, Any]) -> int | None:
    """llama.cpp: ``n_ctx`` of the settings of a slot, which is its share of the server's context."""
    slot = props.get("default_generation_settings")
    return _positive(slot.get("n_ctx")) if isinstance(slot, Mapping) else None


def _of_models(listed: Mapping[str, Any], names: set[str]) -> int | None:
    """The entry of the model, or the only one."""
    entries = listed.get("data")
    found = [entry for entry in entries if isinstance(entry, Mapping)] if isinstance(entries, list) else []
    named = [entry for entry in found if entry.get("id") in names]
    chosen = named[0] if named else found[0] if len(found) == 1 else {}
    meta = chosen.get("meta")
    inner = meta if isinstance(meta, Mapping) else {}
    sizes = [*(chosen.get(key) for key in _MODEL_KEYS), inner.get("n_ctx"), inner.get("n_ctx_train")]
    return next(filter(None, map(_positive, sizes)), None)


async def _json(
    client: httpx.AsyncClient, method: str, url: str, body: Mapping[str, Any] | None = None
) -> Mapping[str, Any]:
    """Return the JSON object of a response; empty for any other response or failure."""
    import httpx

    try:
        response = await client.request(method, url, json=body)
        value = response.json() if response.status_code == 200 else {}
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, RecursionError):
        return {}
    return value if isinstance(value, Mapping) else {}


def _positive(value: Any) -> int | None:
    whole = isinstance(value, int) and not isinstance(value, bool)
    return value if whole and value > 0 else None
