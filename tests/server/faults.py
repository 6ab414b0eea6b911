"""Everything that a provider does wrong, on demand: a script gives one of these in the place of an answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class Fault:
    """A failing response.

    Attributes:
        name: of the fault, for the log.
        status: of the HTTP response.
        body: of the response, as it is sent.
        headers: besides the usual ones.
        action: ``reset`` drops the connection without a response; ``stall`` sends nothing for ``seconds`` and
            then drops it.
        seconds: for a stall.
    """

    name: str
    status: int = 200
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    action: Literal["respond", "reset", "stall"] = "respond"
    seconds: float = 0.0


def http_error(
    status: int, message: str, code: str | None = None, headers: Mapping[str, str] | None = None
) -> Fault:
    """An error in the form of OpenAI's API."""
    sort = "server_error" if status >= 500 else "invalid_request_error"
    error = {"message": message, "type": sort, "param": None, "code": code}
    return Fault(f"{status} {code or ''}".strip(), status, json.dumps({"error": error}), headers or {})


def rate_limited(retry_after: float | None = None) -> Fault:
    """429, with the header where a time is given."""
    headers = None if retry_after is None else {"Retry-After": f"{retry_after:g}"}
    return http_error(429, "Rate limit reached.", "rate_limit_exceeded", headers)


def out_of_quota() -> Fault:
    """429 that no waiting mends: the account has no credit left."""
    return http_error(429, "You exceeded your current quota.", "insufficient_quota")


def server_error(status: int = 500) -> Fault:
    """500, 502, 503 or 504."""
    return http_error(status, "The server had an error while processing your request.", "server_error")


def wrong_key(key: str = "") -> Fault:
    """401; real ones quote the key."""
    return http_error(401, f"Incorrect API key provided: {key}.", "invalid_api_key")


def forbidden() -> Fault:
    """403."""
    return http_error(403, "Your account may not use this model.", "permission_denied")


def unknown_model(name: str = "this") -> Fault:
    """404."""
    return http_error(404, f"The model `{name}` does not exist.", "model_not_found")


def bad_request() -> Fault:
    """400."""
    return http_error(400, "Unsupported value for a parameter.", "unsupported_value")


def unprocessable() -> Fault:
    """422."""
    return http_error(422, "The request could not be processed.", "unprocessable_entity")


def too_long() -> Fault:
    """400: the prompt does not fit the context."""
    return http_error(
        400,
        "This model's maximum context length is 8192 tokens. However, your messages resulted in 9001 tokens.",
        "context_length_exceeded",
    )


def filtered_prompt() -> Fault:
    """400: the filter refused the prompt (a filtered answer is ``Answer(finish="content_filter")``)."""
    return http_error(
        400,
        "The response was filtered due to the prompt triggering the content management policy.",
        "content_filter",
    )


def reset() -> Fault:
    """The connection is dropped."""
    return Fault("reset", status=0, action="reset")


def stall(seconds: float = 60.0) -> Fault:
    """Nothing is sent for so long; then the connection is dropped."""
    return Fault("stall", status=0, action="stall", seconds=seconds)


def not_json() -> Fault:
    """200 with a page of HTML, as a proxy sends it."""
    return Fault("not JSON", body="<html><body>Bad gateway</body></html>")


def cut_json() -> Fault:
    """200 with JSON that ends in its middle."""
    return Fault("cut JSON", body='{"id": "x", "object": "chat.completion", "choices": [{"mess')


def wrong_shape(body: Any = None) -> Fault:
    """200 with JSON of another form."""
    return Fault("wrong shape", body=json.dumps({"result": "fine"} if body is None else body))


def no_choices() -> Fault:
    """200 with an empty list of choices."""
    usage = {"prompt_tokens": 7, "completion_tokens": 0, "total_tokens": 7}
    body = {"id": "x", "object": "chat.completion", "created": 0, "model": "m", "choices": [], "usage": usage}
    return Fault("no choices", body=json.dumps(body))
