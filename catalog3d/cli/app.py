"""The `catalog3d` command."""

from __future__ import annotations

import typer

from catalog3d import __version__
from catalog3d.cli.audit import audit
from catalog3d.cli.check import check
from catalog3d.cli.decide import approve, reject
from catalog3d.cli.doctor import doctor
from catalog3d.cli.entry import main
from catalog3d.cli.init import init
from catalog3d.cli.inspect import inspect
from catalog3d.cli.recover import recover
from catalog3d.cli.resolve import resolve
from catalog3d.cli.retake import retake
from catalog3d.cli.review import review
from catalog3d.cli.run import rerun, run
from catalog3d.cli.standin import standin
from catalog3d.cli.status import status
from catalog3d.cli.sync import sync
from catalog3d.cli.up import up
from catalog3d.cli.user import user

app = typer.Typer(
    name="catalog3d",
    help="Turn a product sheet and photos into checked, named, approvable 3D models.\n\n"
    "Start with `catalog3d init`, look with `catalog3d check SHEET`, go with `catalog3d run SHEET`.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)

for command in (
    init, check, run, rerun, retake, status, review, approve, reject, resolve, inspect, sync, recover, audit,
    doctor, standin, up,
):  # fmt: skip
    app.command(command.__name__)(command)
app.add_typer(user)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def root(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Say it and end."),
) -> None:
    """Options of the command itself."""


if __name__ == "__main__":
    main()
