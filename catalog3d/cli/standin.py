"""`catalog3d standin`: the stand-in alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from catalog3d.adapters.local_servers import StandinAddress, standin_server
from catalog3d.adapters.owned_server import health_of
from catalog3d.cli.errors import console, sentence_on_error
from catalog3d.cli.foreground import WATCH_S, stop_requests
from catalog3d.errors import RunError
from catalog3d.home import Home, find_home
from catalog3d.settings import given_home
from catalog3d.standin.profiles import PROFILES, combined


def standin(
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Port on this machine; 0 takes a free one.")
    ] = 0,
    profile: Annotated[
        str, typer.Option("--profile", help="How its account behaves: a profile, or several with commas.")
    ] = "",
    profiles: Annotated[bool, typer.Option("--profiles", help="List the profiles and end.")] = False,
) -> None:
    """Run the stand-in for Tripo in the foreground: real but plainly labelled models, nothing to pay.

    A profile settles what Tripo leaves open (how it lists tasks, what it tells of them, its limits), or makes things go
    wrong on purpose. Without one, the account is plain.
    """
    if profiles:
        _list_profiles()
        return
    with sentence_on_error(json_=False):
        home = Home(root=find_home(Path.cwd(), given_home()), catalog="rehearsal")
        with standin_server(home, port=port, profile=profile) as address, stop_requests() as stop:
            _show(address)
            if profile:
                console().print(f"Its account: {profile}. {combined(profile).sentence}", soft_wrap=True)
            while not stop.wait(WATCH_S):
                _require_life(home, address)


def _list_profiles() -> None:
    """On stdout: it is what was asked for."""
    table = Table("Profile", "What its account does", box=None, pad_edge=False)
    for name, entry in PROFILES.items():
        table.add_row(name, entry.sentence)
    Console(highlight=False).print(table)


def _show(address: StandinAddress) -> None:
    out = console()
    out.print(f"[bold]The stand-in answers at {address.url}[/]\n")
    out.print(
        "`catalog3d run SHEET` in this folder finds it by itself. To treat it as if it were Tripo, set elsewhere:\n"
    )
    out.print("  export CATALOG3D_GENERATOR=tripo", soft_wrap=True)
    out.print(f"  export CATALOG3D_TRIPO__BASE_URL={address.url}", soft_wrap=True)
    out.print(f"  export CATALOG3D_TRIPO__API_KEY={address.api_key.get_secret_value()}", soft_wrap=True)
    out.print("\nThe key opens nothing but this stand-in. Ctrl-C stops it.")


def _require_life(home: Home, address: StandinAddress) -> None:
    """Raise RunError STANDIN_ENDED if nothing answers there any more; being busy is no death."""
    if health_of(f"{address.url}/healthz", timeout_s=30) == 0:
        raise RunError(
            "The stand-in has ended by itself.", code="STANDIN_ENDED", fix=f"Read {home.logs / 'standin.log'}."
        )
