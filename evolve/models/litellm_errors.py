"""Classification of litellm's errors: whether another attempt may succeed, and where the fault lies.

litellm maps the errors of its providers to classes of its own, but inconsistently: a status of 500 may come
as a bad request, a dropped connection and a page of HTML both as an internal server error. So we read the
status, the code of the API and the cause of the error, and hardly its class.
"""

from __future__ import annotations

import asyncio
import difflib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from evolve.errors import ModelErrorKind
from evolve.models.backoff import retry_after
from evolve.models.provider import AttemptFailed
from evolve.models.redaction import redacted
from evolve.models.settings import ModelSettings, provider_of

TRANSIENT_STATUS = frozenset({408, 409, 429, 500, 502, 503, 504, 529})
"""HTTP statuses after which another attempt may succeed; 529 is Anthropic's "overloaded"."""
_NO_CREDIT = frozenset({"insufficient_quota", "billing_hard_limit_reached"})
_FILTERED = frozenset({"content_filter", "content_policy_violation", "ResponsibleAIPolicyViolation"})
_TRANSPORT = frozenset({"TransportError", "APIConnectionError", "ClientError", "APITimeoutError"})
_NO_PROVIDER = "LLM Provider NOT provided"
_LONGEST = 20_000  # characters of a provider's message, which is shown whole up to there
_PAGE = 300  # characters of a page of HTML, which says little
_VALIDATION = re.compile(
    r"validation error|literal_error|extra_forbidden|value_error|missing_argument|input should be|"
    r"unexpected keyword argument|(is|are) not (supported|permitted|allowed)|does not support|"
    r"unsupported (value|parameter)",
    re.IGNORECASE,
)
"""Messages with which a server refuses a request, even under the status of a server error."""


def explained(
    error: Exception,
    settings: ModelSettings,
    environ: Mapping[str, str],
    missing_key: Callable[[ModelSettings], str],
    providers: Iterable[str] = (),
) -> AttemptFailed:
    """Return ``error`` as a failed attempt at a call to the model of ``settings``; the message holds no key.

    Args:
        error: as litellm raised it.
        settings: settings of the model.
        environ: environment whose secrets are kept out of the message.
        missing_key: returns the environment variable that the model's provider needs and that is not set, if
            any.
        providers: names of the providers that litellm knows.
    """
    if _NO_PROVIDER in str(error):
        return AttemptFailed("setup", unknown_provider(settings.model, providers), sent=False)
    chain = list(_chain(error))
    status = next((s for e in chain if isinstance(s := getattr(e, "status_code", None), int)), None)
    code = next((c for e in chain if (c := _code(e))), "")
    text = redacted(_message(error), environ)
    longest = _PAGE if re.match(r"\s*<(!doctype|html)", text, re.IGNORECASE) else _LONGEST
    text = text if len(text) <= longest else f"{text[:longest]}…"
    if _was_misread(chain, text):
        return unreadable(re.sub(r"\s*Traceback \(most recent call last\):.*", "", text, flags=re.DOTALL))
    if code in _NO_CREDIT or status == 402:
        return AttemptFailed("setup", f"the account has no credit left ({text})")
    if status in TRANSIENT_STATUS:
        if status == 500 and not _was_answered(chain) and not _was_dropped(chain):
            speaks_of_keys = re.search(r"api[_ ]?key|credential", text, re.IGNORECASE)
            if settings.key_env is None and speaks_of_keys and (variable := missing_key(settings)):
                return AttemptFailed("setup", no_key(variable))
            return unreadable(text)
        if status == 500 and _VALIDATION.search(text):
            return AttemptFailed("rejected", text, status=status, answered=True)
        wait = retry_after(_headers(error), datetime.now(UTC))
        limited = status == 429
        return AttemptFailed(
            "outage",
            text,
            transient=True,
            unreachable=not limited,
            limited=limited,
            wait=wait,
            status=status,
            answered=status == 500 and any(_has_body(e) for e in chain),
        )
    if status is None:  # neither a provider's answer nor an error of litellm's: the request was impossible
        return AttemptFailed("rejected", f"{type(error).__name__}: {text}")
    if status < 400:
        return unreadable(text)
    sent = type(error).__name__ != "UnsupportedParamsError"  # litellm's own refusal
    return AttemptFailed(
        _kind(error, status, code), _advice(settings, status, text), status=status, sent=sent
    )


def unknown_provider(model: str, providers: Iterable[str]) -> str:
    """Return the message for a model whose provider litellm does not know, with the most similar known
    provider.

    >>> unknown_provider("opnai/gpt-5-mini", ["openai", "anthropic"])
    "there is no provider 'opnai'; did you mean openai/gpt-5-mini?"
    >>> unknown_provider("gpt-99", ["openai"])
    'gpt-99 names no provider; write provider/model, such as openai/gpt-99'
    """
    provider, slash, name = model.partition("/")
    if not slash:
        return f"{model} names no provider; write provider/model, such as openai/{model}"
    close = difflib.get_close_matches(provider.lower(), list(providers), n=1)
    hint = f"did you mean {close[0]}/{name}?" if close else "see litellm's list of providers"
    return f"there is no provider {provider!r}; {hint}"


def no_key(variable: str) -> str:
    """Return the message for a missing key."""
    return f"the environment variable {variable} is not set; it must hold the key"


def _kind(error: Exception, status: int, code: str) -> ModelErrorKind:
    if type(error).__name__ == "ContextWindowExceededError" or code == "context_length_exceeded":
        return "too_long"
    if type(error).__name__ == "ContentPolicyViolationError" or code in _FILTERED:
        return "filtered"
    return "setup" if status in (401, 403, 404) else "rejected"


def _advice(settings: ModelSettings, status: int, text: str) -> str:
    variable = settings.key_env or f"{provider_of(settings.model).upper()}_API_KEY"
    if status == 401:
        return f"the key was refused; set a valid one in the environment variable {variable} ({text})"
    if status == 403:
        return f"the key in the environment variable {variable} may not use this model ({text})"
    if status == 404:
        where = f" at {settings.api_base}" if settings.api_base else ""
        return f"there is no such model{where}; check its name and api_base ({text})"
    return text


def unreadable(text: str) -> AttemptFailed:
    """Return the failure of an attempt whose reply has not the API's form."""
    message = f"expected a reply of the API's form, found none that can be read ({text})"
    return AttemptFailed("malformed", message, transient=True)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield the error and its causes, the last first."""
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__ or found.__context__


def _code(error: BaseException) -> str:
    """Return the API's code of an error, which litellm keeps in several places, or only in the text."""
    attribute, body = {"code": getattr(error, "code", None)}, getattr(error, "body", None)
    for source in (body, attribute, _error_in(_text(error))):
        if isinstance(source, Mapping) and isinstance(code := source.get("code"), str) and not code.isdigit():
            return code
    return ""


def _was_answered(chain: list[BaseException]) -> bool:
    """Return whether a response with an error status came."""
    return any(type(error).__name__ == "HTTPStatusError" for error in chain)


def _was_misread(chain: list[BaseException], text: str) -> bool:
    """Return whether litellm failed to read a response, whatever it calls that: a missing key, a wrong
    type.
    """
    if "Invalid response object" in text or "no 'choices'" in text or "'choices' that is not" in text:
        return True
    misread = any(isinstance(error, LookupError | TypeError | AttributeError | ValueError) for error in chain)
    others = [error for error in chain if not type(error).__module__.startswith("litellm")]
    return misread and not _was_answered(chain) and not _was_dropped(others) and not _is_refused(chain)


def _is_refused(chain: list[BaseException]) -> bool:
    """Return whether the API refused the request, or litellm before sending it."""
    return any(
        type(error).__name__ in ("UnsupportedParamsError", "APIStatusError") or 400 <= _status(error) < 500
        for error in chain
    )


def _status(error: BaseException) -> int:
    status = getattr(error, "status_code", None)
    return status if isinstance(status, int) else 0


def _was_dropped(chain: list[BaseException]) -> bool:
    """Return whether a connection failed in one of litellm's clients; by name, since only litellm imports
    them.
    """
    return any(
        isinstance(error, OSError | asyncio.TimeoutError)
        or any(base.__name__ in _TRANSPORT for base in type(error).__mro__)
        for error in chain
    )


def _has_body(error: BaseException) -> bool:
    """Return whether an error came with a body in the API's form, and not with a page of a proxy."""
    return isinstance(getattr(error, "body", None), Mapping) or bool(_error_in(_text(error)))


def _headers(error: Exception) -> Mapping[str, str]:
    headers = getattr(error, "litellm_response_headers", None)
    headers = headers or getattr(getattr(error, "response", None), "headers", None)
    return headers or {}


def _message(error: Exception) -> str:
    """Return the provider's whole message, with the parameter that it names."""
    text = _text(error)
    found = _error_in(text)
    message = str(found.get("message") or text or type(error).__name__).strip().rstrip(".")
    parameter = found.get("param")
    return f"{message} (parameter: {parameter})" if parameter and str(parameter) not in message else message


def _text(error: BaseException) -> str:
    """Return the text of an error without litellm's class name and the provider's."""
    return re.sub(
        r"^(litellm\.)?\w*(Error|Exception): ", "", str(error).strip().rpartition("Exception - ")[2]
    )


def _error_in(text: str) -> Mapping[str, Any]:
    """The error of an API's response, where ``text`` is the JSON of one."""
    try:
        error = json.loads(text)["error"]
    except (ValueError, TypeError, KeyError):
        return {}
    return error if isinstance(error, Mapping) else {}
