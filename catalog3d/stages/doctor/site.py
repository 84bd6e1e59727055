"""What the checks look at: one home, its settings and the environment of the person who asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from catalog3d.diagnosis.findings import Finding
from catalog3d.errors import Catalog3DError
from catalog3d.home import Home, find_home
from catalog3d.ports import Clock
from catalog3d.settings import Settings, given_home, load_settings, realm_of


@dataclass(frozen=True, kw_only=True)
class Site:
    """One installation, as far as it can be read.

    Attributes:
        start: The folder that the command was called in.
        environment: A copy of the process's environment.
        settings: None if they cannot be read; `trouble` says why.
        given: Whether CATALOG3D_HOME says where the home is.
    """

    start: Path
    environment: Mapping[str, str]
    root: Path
    given: bool
    clock: Clock
    settings: Settings | None = None
    trouble: Catalog3DError | None = None

    @property
    def home(self) -> Home:
        rehearsing = self.settings is None or self.settings.generator_in_force == "standin"
        return Home(root=self.root, catalog="rehearsal" if rehearsing else "live")

    @property
    def pays(self) -> bool:
        """Whether runs of this home go to Tripo."""
        return self.settings is not None and self.settings.generator_in_force == "tripo"

    @property
    def realm(self) -> str:
        return realm_of(self.settings, self.settings.generator_in_force) if self.settings else ""


@dataclass(frozen=True, kw_only=True)
class Check:
    """One subject.

    Attributes:
        name: What a failure of the check itself is reported under.
        look: Gives findings one by one, so that an error loses none that came before it.
        needs_settings: Left out where the settings cannot be read.
    """

    name: str
    look: Callable[[Site], Iterator[Finding]]
    needs_settings: bool = True


def site_of(start: Path, *, environment: Mapping[str, str], clock: Clock) -> Site:
    """Find the home and read its settings; what goes wrong is kept to be reported."""
    given = given_home()
    root = find_home(start, given)
    try:
        settings, trouble = load_settings(root), None
    except Catalog3DError as error:
        settings, trouble = None, error
    return Site(
        start=start,
        environment=environment,
        root=root,
        given=given is not None,
        clock=clock,
        settings=settings,
        trouble=trouble,
    )
