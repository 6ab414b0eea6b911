"""Options that set the configuration: name, type, bounds, choices, default and help come from its fields."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import wraps
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import typer
from pydantic import AfterValidator, BaseModel
from pydantic.fields import FieldInfo

from evolve.config import OFFLINE, ROLES_OF_ONE_MODEL, RULES, CampaignConfig
from evolve.config.checks import RegisteredName
from evolve.errors import UsageError
from evolve.kinds import BUILT_IN, PART_OF_ROLE, Kind
from evolve.registry import REGISTRY

_COMMAS = "Separated by commas."
_PAIR = "KEY=VALUE"


@dataclass(frozen=True)
class Setting:
    """Option that sets one field of a configuration.

    Args:
        key: dotted key of the field.
        flags: names of the option; default: the field's.
        note: sentence about what the command line takes beyond the field.
        model: the configuration.
        default: default of the command, for the help, where it is not that of the field.

    Example:
        >>> Setting("jobs").flags, Setting("jobs").help
        (('--jobs',), 'Candidates worked on at the same time, ...; default: 2.')
    """

    key: str
    flags: tuple[str, ...] = ()
    note: str = ""
    model: type[BaseModel] = CampaignConfig
    default: Any = None

    def __post_init__(self) -> None:
        if not self.flags:
            object.__setattr__(self, "flags", (f"--{self.key.rpartition('.')[2].replace('_', '-')}",))

    @property
    def name(self) -> str:
        """Name of the parameter: that of the first flag."""
        return self.flags[0].removeprefix("--").replace("-", "_")

    @property
    def field(self) -> FieldInfo:
        """The field of the configuration."""
        *sections, name = self.key.split(".")
        return _section(self.model, sections).model_fields[name]

    @property
    def help(self) -> str:
        """Description of the field with its default, and the names and form that it takes."""
        text = self._description
        if self.default is not None:
            text = f"{text.partition('; default:')[0]}; default: {_shown(self.default)}"
        elif self.field.default not in (None, {}) and not self._role and "default:" not in text:
            text += f"; default: {_shown(self.field.default)}"
        sentences = [f"{text[0].upper()}{text[1:]}."]
        base, kind = _type_of(self.field)
        if kind is not None:
            sentences.append(f"One of {', '.join(BUILT_IN[kind])}, or a registered name.")
        elif self._role in PART_OF_ROLE:
            part = PART_OF_ROLE[self._role]
            sentences.append(f"Or one of the {part}s: {', '.join(BUILT_IN[part])}, or a registered name.")
        elif get_origin(base) is tuple:
            choices = ", ".join(get_args(get_args(base)[0]))
            sentences.append(f"One or more of {choices}, separated by commas." if choices else _COMMAS)
        elif get_origin(base) is dict:
            sentences.append("May be repeated.")
        return " ".join([*sentences, self.note]).strip()

    @property
    def parameter(self) -> inspect.Parameter:
        """Parameter of a command: None where the option is left out."""
        base, kind = _type_of(self.field)
        kept = {tuple: str, dict: list[str]}.get(get_origin(base), base)
        flags = self.flags
        if kept is bool:
            flags = tuple(f"{flag}/--no-{flag.removeprefix('--')}" for flag in flags)
        least, most = _bounds(self.field) if kept in (int, float) else (None, None)
        metavar = "NAME" if kind is not None else _PAIR if get_origin(base) is dict else None
        option = typer.Option(*flags, help=self.help, metavar=metavar, min=least, max=most)
        annotation = Annotated[kept | None, option]
        keyword_only = inspect.Parameter.KEYWORD_ONLY
        return inspect.Parameter(self.name, keyword_only, default=None, annotation=annotation)

    def parsed(self, value: Any) -> Any:
        """Return the value of the field for that of the option: of a list with commas, or of pairs.

        Raises:
            UsageError: a text is not ``KEY=VALUE``, where pairs are expected.
        """
        origin = get_origin(_type_of(self.field)[0])
        if origin is dict:
            return dict(self._pair(text) for text in value) if value else None
        return listed(value) if origin is tuple else value

    def _pair(self, text: str) -> tuple[str, str]:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise UsageError(f"{self.flags[0]} {text!r}: expected {_PAIR}, such as scope=grouped.")
        return key, value

    @property
    def _role(self) -> str:
        """The role whose model this is; empty where it is another field."""
        section, _, name = self.key.rpartition(".")
        return section.removeprefix("models.") if name == "model" else ""

    @property
    def _description(self) -> str:
        own = self.field.description or ""
        if not self._role:
            return own
        if self._role == "task":
            return f"model for all roles: {own}"
        role = Setting(f"models.{self._role}").field.description or ""
        if "default:" in role:
            return f"model that {role}"
        default = "that of --model" if self._role in ROLES_OF_ONE_MODEL else self.field.default
        return f"model that {role}; default: {default}"


OPTIONS = Setting("benchmark_options", ("--option", "-o"))
"""Options of the benchmark; see ``evolve.cli.app.benchmark_options``."""


def takes(*settings: Setting) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options of ``settings``, before its own.

    It is called with ``settings``: dotted key → value of each option that was given. ``--model`` stands for
    all roles without an option of their own that was given; the name of an agent or a judge replaces a model,
    and ``rules`` stands for no model.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def called(**given: Any) -> None:
            values = {s.key: s.parsed(given.pop(s.name)) for s in settings}
            command(**given, settings=_by_role({k: v for k, v in values.items() if v is not None}, reflects))

        reflects = any(setting.key == "models.reflector.model" for setting in settings)
        own = inspect.signature(command, eval_str=True).parameters.values()
        first = [p for p in own if _is_argument(p)]
        rest = [p for p in own if p not in first and p.name != "settings"]
        parameters = [*first, *(setting.parameter for setting in settings), *rest]
        keyword_only = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in parameters]
        called.settings = settings  # type: ignore[attr-defined]
        called.__signature__ = inspect.Signature(keyword_only)  # type: ignore[attr-defined]
        called.__annotations__ = {p.name: p.annotation for p in keyword_only}
        return called

    return decorate


def listed(text: str | None) -> tuple[str, ...] | None:
    """Return the parts of a list with commas; None where nothing was given."""
    return None if text is None else tuple(part.strip() for part in text.split(",") if part.strip())


def _by_role(given: dict[str, Any], reflects: bool) -> dict[str, Any]:
    for role in ("task", "toolkit", "reflector"):
        if given.get(f"models.{role}.model") == RULES:
            given[f"models.{role}.model"] = OFFLINE
    for role, key in (("task", "evaluation.agent"), ("judge", "evaluation.judge")):
        model = given.get(f"models.{role}.model")
        if model and model in REGISTRY.names(PART_OF_ROLE[role]):
            given[key] = given.pop(f"models.{role}.model")
    model = given.get("models.task.model")
    if model:
        roles = [role for role in ROLES_OF_ONE_MODEL if reflects or role != "reflector"]
        given = {f"models.{role}.model": model for role in roles} | given
    return given


def _section(model: type[BaseModel], names: Iterable[str]) -> type[BaseModel]:
    for name in names:
        annotation = model.model_fields[name].annotation
        assert isinstance(annotation, type)
        assert issubclass(annotation, BaseModel)
        model = annotation
    return model


def _type_of(field: FieldInfo) -> tuple[Any, Kind | None]:
    """Return the type of a field without None, and the kind of the registered names that it takes, if any."""
    base, metadata = field.annotation, list(field.metadata)
    if get_origin(base) in (Union, UnionType):
        (base,) = (each for each in get_args(base) if each is not type(None))
    if get_origin(base) is Annotated:
        base, *inner = get_args(base)
        metadata += inner
    for each in metadata:
        if isinstance(each, AfterValidator) and isinstance(each.func, RegisteredName):
            return base, each.func.kind
    return base, None


def _bounds(field: FieldInfo) -> tuple[float | None, float | None]:
    """Return the inclusive bounds of a number; the configuration itself checks the others."""
    least = most = None
    for each in field.metadata:
        least, most = getattr(each, "ge", least), getattr(each, "le", most)
    return least, most


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _is_argument(parameter: inspect.Parameter) -> bool:
    return any(isinstance(each, typer.models.ArgumentInfo) for each in get_args(parameter.annotation))
