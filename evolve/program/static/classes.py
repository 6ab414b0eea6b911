"""Interfaces of classes: attributes, methods, their signatures and types."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from evolve.program.parts import called_name, field_call
from evolve.program.static.names import listed, similar
from evolve.program.syntax import FUNCTIONS


@dataclass(frozen=True)
class Signature:
    """Parameters of a function as a caller sees them, without ``self``.

    Attributes:
        shown: how to call it, such as ``search(embedding, k=5)``.
        positional: parameters that may be given by position, in order.
        position_only: number of the first ones that cannot be given by name.
        required: those of ``positional`` without default.
        keywords: parameters that are given by name only.
        required_keywords: those of ``keywords`` without default.
        many: takes any number of further positions (``*args``).
        any_keyword: takes any further keyword (``**kwargs``).
    """

    shown: str
    positional: tuple[str, ...] = ()
    position_only: int = 0
    required: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    required_keywords: tuple[str, ...] = ()
    many: bool = False
    any_keyword: bool = False


def signature_of(name: str, arguments: ast.arguments, *, bound: bool) -> Signature:
    """The signature of a function; its first parameter is left out where it is ``bound``."""
    every = [*arguments.posonlyargs, *arguments.args]
    names = [argument.arg for argument in every]
    required = names[: len(names) - len(arguments.defaults)]
    keywords = tuple(argument.arg for argument in arguments.kwonlyargs)
    needed = tuple(k for k, default in zip(keywords, arguments.kw_defaults, strict=True) if default is None)
    skip = 1 if bound and names else 0
    defaults = dict(zip(names[len(required) :], arguments.defaults, strict=True))
    shown = [f"{n}={ast.unparse(defaults[n])}" if n in defaults else n for n in names[skip:]]
    shown += [f"*{arguments.vararg.arg}"] if arguments.vararg else ["*"] if keywords else []
    shown += list(keywords)
    shown += [f"**{arguments.kwarg.arg}"] if arguments.kwarg else []
    return Signature(
        f"{name}({', '.join(shown)})",
        tuple(names[skip:]),
        max(len(arguments.posonlyargs) - skip, 0),
        tuple(required[skip:]),
        keywords,
        needed,
        arguments.vararg is not None or bool(bound and not names),
        arguments.kwarg is not None,
    )


def mismatch(call: ast.Call, signature: Signature, called: str) -> str:
    """Return the fault in the arguments of ``call``; empty if they fit, or if that cannot be determined."""
    starred = any(isinstance(argument, ast.Starred) for argument in call.args)
    spread = any(keyword.arg is None for keyword in call.keywords)
    given = [keyword.arg for keyword in call.keywords if keyword.arg is not None]
    count = sum(not isinstance(argument, ast.Starred) for argument in call.args)
    form = f"it is `{signature.shown}`"
    takes = len(signature.positional)
    if count > takes and not signature.many:
        return (
            f"`{called}` is called with {count} positional argument{'s' * (count != 1)} and takes "
            f"{takes or 'none'}; {form}"
        )
    by_name = {*signature.positional[signature.position_only :], *signature.keywords}
    for name in given:
        if name not in by_name and not signature.any_keyword:
            close = similar(name, by_name)
            hint = f"; did you mean {listed(close)}?" if close else ""
            return f"`{called}` has no parameter `{name}`{hint}; {form}"
    if not starred:
        twice = [name for name in signature.positional[:count] if name in given]
        if twice and not (signature.any_keyword and twice[0] not in by_name):
            return f"`{called}` is given `{twice[0]}` twice, by position and by name; {form}"
    if starred or spread:
        return ""
    filled = {*signature.positional[:count], *given}
    lacking = [name for name in (*signature.required, *signature.required_keywords) if name not in filled]
    if lacking:
        return f"`{called}` is called without {listed(lacking)}; {form}"
    return ""


_PLAIN_BASES = frozenset({"object", "ABC", "Protocol", "Generic"})
_PLAIN_DECORATORS = frozenset({"dataclass", "total_ordering", "runtime_checkable", "final"})
_KEEPS_SIGNATURE = frozenset(
    {"staticmethod", "classmethod", "lru_cache", "cache", "wraps", "abstractmethod", "override", "final"}
)
_PROPERTIES = frozenset({"property", "cached_property"})
_OPENING = frozenset({"__getattr__", "__getattribute__", "__setattr__", "__slots__"})
OBJECT = frozenset(dir(object)) | {"__dict__", "__module__", "__annotations__", "__weakref__", "__name__"}
DATACLASS = frozenset({"__dataclass_fields__", "__dataclass_params__", "__post_init__", "__match_args__"})


@dataclass
class Type:
    """Inferred type of a class.

    Attributes:
        name: its name in messages.
        attributes: the names that its objects have.
        methods: signatures of methods without ``self``; None where they are unknown.
        gives: attribute or method → name of the type that it is, or that a call of it returns.
        constructor: signature of a call of the class; None where it is unknown.
        open: it may have further attributes.
        line: line of its definition; 0 outside of the program.
        subscriptable: its objects take ``[...]``.
    """

    name: str
    attributes: set[str] = field(default_factory=set)
    methods: dict[str, Signature | None] = field(default_factory=dict)
    gives: dict[str, str] = field(default_factory=dict)
    constructor: Signature | None = None
    open: bool = False
    line: int = 0
    subscriptable: bool = False


def read_types(classes: Iterable[ast.ClassDef], known: Mapping[str, Type] | None = None) -> dict[str, Type]:
    """The types of class definitions by name; ``known`` are those that they may inherit from."""
    found: dict[str, Type] = {}
    for node in classes:
        found[node.name] = _read(node, {**(known or {}), **found})
    return found


def _read(node: ast.ClassDef, known: Mapping[str, Type]) -> Type:
    result = Type(node.name, line=node.lineno, attributes=set(OBJECT))
    bases = [known.get(called_name(base)) for base in node.bases if called_name(base) not in _PLAIN_BASES]
    is_data = any(called_name(d) == "dataclass" for d in node.decorator_list)
    foreign = [d for d in node.decorator_list if called_name(d) not in _PLAIN_DECORATORS]
    generic = [b for b in node.bases if isinstance(b, ast.Subscript)]
    result.open = bool(foreign or node.keywords or generic) or any(
        base is None or base.open for base in bases
    )
    for base in bases:
        if base is not None:
            result.attributes |= base.attributes
            result.methods.update(base.methods)
            result.gives.update(base.gives)
            result.subscriptable = result.subscriptable or base.subscriptable
            result.constructor = base.constructor
    _add_members(result, node)
    _add_stored(result, node)
    if is_data:
        result.attributes |= DATACLASS
    result.subscriptable = result.subscriptable or "__getitem__" in result.attributes
    if result.open:
        result.constructor = None
    elif "__init__" in result.methods:
        init = result.methods["__init__"]
        result.constructor = init and _renamed(init, node.name)
    elif is_data:
        result.constructor = None if bases else _data_constructor(node)
    elif not bases:
        result.constructor = None if "__new__" in result.methods else Signature(f"{node.name}()")
    return result


def _renamed(signature: Signature, name: str) -> Signature:
    shown = re.sub(r"^\w+", name, signature.shown)
    return Signature(**{**signature.__dict__, "shown": shown})


def _add_members(result: Type, node: ast.ClassDef) -> None:
    for statement in ast.walk(ast.Module(body=list(node.body), type_ignores=[])):
        if isinstance(statement, FUNCTIONS) and statement in node.body:
            _add_method(result, statement)
    for statement in node.body:
        if isinstance(statement, FUNCTIONS):
            continue
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Name):
            alias = result.methods.get(statement.value.id)
            names = [target.id for target in statement.targets if isinstance(target, ast.Name)]
            if alias is not None:
                result.methods.update(dict.fromkeys(names, alias))
        for part in ast.walk(statement):
            if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
                result.attributes.add(part.id)
            elif isinstance(part, (*FUNCTIONS, ast.ClassDef)):
                result.attributes.add(part.name)
    if result.attributes & _OPENING - OBJECT or {"__getattr__", "__slots__"} & result.attributes:
        result.open = True


def _add_method(result: Type, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    result.attributes.add(node.name)
    if node.name in ("__getattr__", "__getattribute__"):
        result.open = True
    decorators = {called_name(d) for d in node.decorator_list}
    returned = _type_name(node.returns)
    if returned:
        result.gives[node.name] = returned
    if decorators & _PROPERTIES or "setter" in decorators:
        result.methods.pop(node.name, None)
        return
    if decorators - _KEEPS_SIGNATURE or (node.name in result.methods and decorators):
        result.methods[node.name] = None
        return
    result.methods[node.name] = signature_of(node.name, node.args, bound="staticmethod" not in decorators)


def _add_stored(result: Type, node: ast.ClassDef) -> None:
    """Add the attributes that methods store on ``self``."""
    for method in node.body:
        if not isinstance(method, FUNCTIONS) or not method.args.args:
            continue
        first = method.args.args[0].arg
        for part in ast.walk(method):
            if isinstance(part, ast.Attribute) and _is_name(part.value, first):
                if isinstance(part.ctx, (ast.Store, ast.Del)):
                    result.attributes.add(part.attr)
                    result.methods.pop(part.attr, None) if part.attr not in _method_names(node) else None
                elif part.attr == "__dict__":
                    result.open = True
            elif isinstance(part, ast.Call) and called_name(part) in ("setattr", "vars"):
                if any(_is_name(argument, first) for argument in part.args):
                    result.open = True
            elif isinstance(part, ast.Assign) and isinstance(part.value, ast.Call):
                targets = [
                    t for t in part.targets if isinstance(t, ast.Attribute) and _is_name(t.value, first)
                ]
                for target in targets:
                    if method.name == "__init__" and isinstance(part.value.func, ast.Name):
                        result.gives.setdefault(target.attr, part.value.func.id)


def _method_names(node: ast.ClassDef) -> set[str]:
    return {s.name for s in node.body if isinstance(s, FUNCTIONS)}


def _is_name(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _type_name(annotation: ast.expr | None) -> str:
    """The last part of a plain annotation: ``Connection`` of ``sqlite3.Connection``; empty for others."""
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        return annotation.value if annotation.value.isidentifier() else ""
    return called_name(annotation) if isinstance(annotation, (ast.Name, ast.Attribute)) else ""


def _data_constructor(node: ast.ClassDef) -> Signature | None:
    """The constructor that ``@dataclass`` makes; None where its arguments or fields are not plain."""
    decorator = next(d for d in node.decorator_list if called_name(d) == "dataclass")
    options = decorator.keywords if isinstance(decorator, ast.Call) else []
    if any(option.arg in ("init", "kw_only", None) for option in options):
        return None
    names: list[str] = []
    required: list[str] = []
    for statement in node.body:
        if not (isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)):
            continue
        annotation = ast.unparse(statement.annotation)
        if "ClassVar" in annotation:
            continue
        if "KW_ONLY" in annotation:
            return None
        given = field_call(statement.value)
        if given is not None and {"init", "kw_only"} & given.keys():
            return None
        names.append(statement.target.id)
        has_default = (
            statement.value is not None if given is None else {"default", "default_factory"} & given.keys()
        )
        if not has_default:
            required.append(statement.target.id)
    shown = [name if name in required else f"{name}=..." for name in names]
    return Signature(f"{node.name}({', '.join(shown)})", tuple(names), 0, tuple(required))
