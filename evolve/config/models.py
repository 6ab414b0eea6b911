"""Models per role, their call settings, and names of models on this machine."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, JsonValue, field_validator, model_validator

from evolve.config.checks import Section
from evolve.records import StructuredOutput

QUALITY_OF = "quality:"
"""Prefix of the objective that is the quality on one of several benchmarks."""


def benchmark_names(text: str) -> tuple[str, ...]:
    """Return the names or paths of the benchmarks in ``text``, which are separated by commas.

    >>> benchmark_names("chronicle, locomo")
    ('chronicle', 'locomo')
    """
    return tuple(name for name in map(str.strip, text.split(",")) if name) or (text,)


def short_name(benchmark: str) -> str:
    """Return the short name of a benchmark given by name or path.

    >>> short_name("locomo"), short_name("/home/me/notes/benchmark.py"), short_name("/home/me/diary.py")
    ('locomo', 'notes', 'diary')
    """
    path = Path(benchmark)
    if path.name == "benchmark.py":
        return path.parent.name
    return path.stem if path.suffix == ".py" else path.name


Client = Literal["auto", "litellm", "openai"]
"""Clients that send requests to a model."""
GGUF = "gguf:"
"""Prefix of a model that is a GGUF file on this machine."""
LOCAL = "local"
"""SmolLM2-135M-Instruct, fetched from the package index when it is first used."""

WORDLLAMA = "wordllama"
"""Static embeddings from the wheel of that name."""
MODEL2VEC = "model2vec:"
"""Prefix of static embeddings that the package of that name reads: a folder, or a published name."""


def is_local(model: str) -> bool:
    """Return whether ``model`` is answered by a server on this machine that is started for it.

    >>> is_local("gguf:/models/qwen.gguf"), is_local("local"), is_local("openai/gpt-5-mini")
    (True, True, False)
    """
    return model == LOCAL or model.startswith(GGUF)


def with_absolute_path(model: str) -> str:
    """``model`` with the path of a file or folder made absolute; any other name stays as it is.

    Raises:
        ValueError: ``gguf:`` or ``model2vec:`` without a path.
    """
    if model.startswith(MODEL2VEC):
        where = model.removeprefix(MODEL2VEC)
        if not where:
            raise ValueError("expected model2vec:FOLDER or model2vec:NAME of a published model")
        folder = Path(where).expanduser()
        return f"{MODEL2VEC}{folder.absolute()}" if folder.is_dir() else model
    if not model.startswith(GGUF):
        return model
    path = model.removeprefix(GGUF)
    if not path:
        raise ValueError("expected gguf:PATH, the path of a GGUF file, such as gguf:models/qwen.gguf")
    return f"{GGUF}{Path(path).expanduser().absolute()}"


OFFLINE = "offline"
"""Name of the rules that replace a model."""
RULES = "rules"
"""Name of the same rules as an agent, as a judge and as a mutator."""
FITTED = (OFFLINE, WORDLLAMA)
"""Embedders that are computed here, with weights that are fitted to the texts of a benchmark."""


def missing_static_packages() -> list[str]:
    """Return the packages that ``wordllama`` needs and that are not installed."""
    needed = ("wordllama", "safetensors", "tokenizers")
    return [name for name in needed if importlib.util.find_spec(name) is None]


@cache
def default_embedder() -> str:
    """Return the name of the embedder of a campaign that names none.

    It is ``wordllama``, and ``offline``, hashed words, where that is not installed: it has no wheels for
    some platforms.

    Example:
        >>> default_embedder() in FITTED
        True
    """
    return OFFLINE if missing_static_packages() else WORDLLAMA


ROLES_OF_ONE_MODEL = ("task", "toolkit", "judge", "reflector")
"""Roles that one model plays if it is given for all."""
_SECRET = re.compile(r"(^|[-_])(key|token|secret|password|authorization)$", re.IGNORECASE)


class ModelSettings(Section):
    """Model and its call settings.

    Example:
        >>> ModelSettings(model="openai/gpt-5-mini", parameters={"temperature": 0}).attempts
        5
    """

    model: str = Field(
        default=OFFLINE,
        min_length=1,
        description="LiteLLM id, such as openai/gpt-5.4-mini; gguf:PATH: a file that is served on this "
        "machine; local: a small one that is fetched; offline: rules, no model",
    )
    parameters: dict[str, JsonValue] = Field(
        default={},
        description="parameters sent with every call unchanged: temperature, reasoning_effort, ...",
    )
    api_base: str | None = Field(default=None, description="address of the server, if not the default")
    client: Client = Field(
        default="auto",
        description="what sends the requests: litellm, or openai: a smaller client for servers of OpenAI's "
        "protocol, without a table of prices; auto: the smaller one at an api_base, for openai/ and "
        "hosted_vllm/ models that litellm's table does not list",
    )
    key_env: str | None = Field(
        default=None,
        description="environment variable that holds the key; default: the provider's usual one",
    )
    max_tokens: int | None = Field(
        default=None,
        ge=1,
        description="most tokens of one answer; default: by its purpose, from 512 for a query to 8192 for"
        " a reflection, and 16384 more for a model that thinks (docs/tutorial/own-model.md)",
    )
    context_tokens: int | None = Field(
        default=None,
        ge=256,
        description="tokens of prompt and reply together; prompts are fitted to it; default: ask the server",
    )
    structured: StructuredOutput = Field(
        default="auto",
        description="way to request JSON from the model: json_schema, json_object, or the prompt alone; "
        "auto: the first of them that the server accepts, found out once",
    )
    timeout_seconds: float = Field(default=120.0, gt=0, description="for one attempt")
    attempts: int = Field(default=5, ge=1, description="attempts of one call, on transient errors")
    concurrency: int | None = Field(
        default=None,
        ge=1,
        description="calls in flight at the same time to this model's server; default: no limit of its own",
    )
    dimension: int | None = Field(
        default=None,
        ge=1,
        description="dimension of an embedding model's vectors; default: that of its first answer",
    )
    usd_per_million_in: float | None = Field(
        default=None, ge=0, description="price of a million tokens read; default: litellm's table"
    )
    usd_per_million_out: float | None = Field(
        default=None, ge=0, description="price of a million tokens written; default: litellm's table"
    )

    @field_validator("model")
    @classmethod
    def _absolute_gguf(cls, model: str) -> str:
        return with_absolute_path(model)

    @field_validator("parameters")
    @classmethod
    def _no_secrets(cls, parameters: dict[str, JsonValue]) -> dict[str, JsonValue]:
        secret = next(_secrets_in(parameters), None)
        if secret:
            raise ValueError(
                f"{secret} looks like a secret, and a configuration is recorded: put it into an environment "
                "variable and name that by key_env"
            )
        return parameters


class RoleConfig(ModelSettings):
    """A model in a role. In TOML either the model's name alone, or a table."""

    @property
    def is_offline(self) -> bool:
        """Rules, no model."""
        return self.model == OFFLINE

    @model_validator(mode="before")
    @classmethod
    def _by_name(cls, value: Any) -> Any:
        return {"model": value} if isinstance(value, str) else value


class ReflectorConfig(RoleConfig):
    """Settings of one of several reflectors."""

    weight: float = Field(default=1.0, gt=0, description="relative frequency of draws")


class LocalServerConfig(Section):
    """llama.cpp's server, for models given as gguf:PATH or local."""

    context_tokens: int = Field(
        default=8_192, ge=512, description="longest request with its reply; a model's own limit may be lower"
    )
    slots: int = Field(default=2, ge=1, description="requests answered at the same time")
    threads: int | None = Field(
        default=None,
        ge=1,
        description="threads of computation; default: one per core that is idle when the server starts",
    )


class ModelsConfig(Section):
    """Model of each role.

    Example:
        >>> models = ModelsConfig(task="openai/gpt-5-mini", reflector="openai/gpt-5")
        >>> models.task.model, models.judge.is_offline
        ('openai/gpt-5-mini', True)
    """

    task: RoleConfig = Field(default=RoleConfig(), description="the agent that uses the memory")
    reflector: RoleConfig = Field(default=RoleConfig(), description="makes candidates from parents")
    reflectors: tuple[ReflectorConfig, ...] = Field(
        default=(), description="several reflectors instead of one; see search.ensemble"
    )
    toolkit: RoleConfig = Field(default=RoleConfig(), description="answers toolkit.llm_completion")
    judge: RoleConfig = Field(default=RoleConfig(), description="grades answers")
    embedding: RoleConfig = Field(
        default_factory=lambda: RoleConfig(model=default_embedder()),
        description="answers toolkit.embed; wordllama: static vectors of tokens, computed here; "
        "model2vec:FOLDER: others; offline: hashed words; default: wordllama, or offline where that is not "
        "installed",
    )
    local: LocalServerConfig = Field(
        default=LocalServerConfig(), description="the server of models given as gguf:PATH or local"
    )
    concurrency: int = Field(default=64, ge=1, description="calls in flight at the same time, of all roles")
    patience_seconds: float = Field(
        default=1800.0,
        ge=0,
        description="seconds to wait out an outage of a provider before the campaign stops",
    )
    batch: Literal["off", "extraction"] = Field(
        default="off",
        description="extraction: fill the fields of items through the batch API of OpenAI or Anthropic, at "
        "half the price and within a day instead of seconds",
    )
    batch_least: int = Field(
        default=10, ge=1, description="fewest requests of a batch; fewer are asked one by one, at once"
    )
    batch_hours: float = Field(
        default=24.0,
        gt=0,
        description="hours after which a batch is cancelled; what it has not answered is asked one by one",
    )
    preflight: bool = Field(
        default=True, description="ask each model one tiny question before a campaign starts or resumes"
    )
    cache: Path | None = Field(
        default=None,
        description="file of the persistent cache of replies; default: .cache/models.sqlite next to the runs",
    )

    @field_validator("embedding", mode="before")
    @classmethod
    def _of_the_default_model(cls, value: Any) -> Any:
        """The settings of a table without ``model`` are those of the default one."""
        return {"model": default_embedder(), **value} if isinstance(value, dict) else value

    @field_validator("cache")
    @classmethod
    def _absolute_cache(cls, path: Path | None) -> Path | None:
        return None if path is None else path.expanduser().absolute()

    @model_validator(mode="after")
    def _one_or_several(self) -> ModelsConfig:
        if self.reflectors and not self.reflector.is_offline:
            raise ValueError("give either reflector or reflectors, not both")
        if any(reflector.is_offline for reflector in self.reflectors):
            raise ValueError("the rule-based mutator cannot be one of several reflectors")
        return self

    @property
    def reflecting(self) -> tuple[ReflectorConfig, ...]:
        """Models that reflect; none in an offline search."""
        if self.reflectors or self.reflector.is_offline:
            return self.reflectors
        return (ReflectorConfig(**self.reflector.model_dump()),)


def _secrets_in(value: JsonValue) -> Iterator[str]:
    """Yield the names, at any depth, that look like those of secrets."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if _SECRET.search(name):
                yield name
            yield from _secrets_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _secrets_in(inner)
