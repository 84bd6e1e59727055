"""The account in force: its conduct, changed at the start or by a request, and kept with the state."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from pydantic import ValidationError

from catalog3d.standin.answers import Refusal
from catalog3d.standin.conduct import Conduct
from catalog3d.standin.config import StandinConfig
from catalog3d.standin.faults import Faults
from catalog3d.standin.profiles import PLAIN, PROFILES, combined, unknown_names
from catalog3d.standin.store import Store
from catalog3d.standin.strangers import Strangers
from catalog3d.standin.wallet import Wallet

FROM_PROFILE = "profile"


class Behaviour:
    """Conduct and faults of the profile in force.

    A change takes its whole effect at once: the wallet is filled or emptied, foreign tasks come or go, the faults of the
    profile before are replaced. Faults that somebody set one by one stay.
    """

    def __init__(
        self, store: Store, wallet: Wallet, faults: Faults, strangers: Strangers, config: StandinConfig
    ) -> None:
        self._store = store
        self._wallet = wallet
        self._faults = faults
        self._strangers = strangers
        self._config = config
        kept = json.loads(store.fact("behaviour", json.dumps({"profile": PLAIN, "knobs": {}})))
        self.profile: str = kept["profile"]
        self.conduct = Conduct.model_validate(kept["knobs"])

    def start(self) -> None:
        """Take on the profile of the start; one that is in force already has had its effect."""
        if self._config.profile is not None:
            self.change({"profile": self._config.profile}, again=False)

    def change(self, body: Mapping[str, Any], *, again: bool = True) -> None:
        """Take on a profile, with or without single knobs over it; or turn single knobs of what is in force.

        Args:
            body: `{"profile": "name" or "name,name", knob: value, ...}`.
            again: Whether a profile that is in force already takes effect once more.

        Raises:
            Refusal: 1004 naming what is wrong; nothing changed.
        """
        names = body.get("profile")
        if names is not None and (not isinstance(names, str) or unknown_names(names)):
            raise Refusal(1004, f"profile must be one of {', '.join(PROFILES)}, or several with commas between them")
        turned = {name: value for name, value in body.items() if name != "profile"}
        under = self.conduct.model_dump(exclude_unset=True) if names is None else combined(names).knobs
        try:
            conduct = Conduct.model_validate({**under, **turned})
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            raise Refusal(1004, f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error
        if not again and (names, conduct) == (self.profile, self.conduct):
            return
        with self._store.transaction():
            self._take_on(conduct, refill=names is not None or "credits" in turned)
            if names is not None:
                self.profile = names
                self._store.clear_faults(FROM_PROFILE)
                for fault in combined(names).faults:
                    self._faults.add(fault, origin=FROM_PROFILE)
            kept = {"profile": self.profile, "knobs": conduct.model_dump(mode="json", exclude_unset=True)}
            self._store.set_fact("behaviour", json.dumps(kept))
        self.conduct = conduct

    @property
    def lag_s(self) -> float:
        """Seconds here until a new task shows up."""
        return self.conduct.visible_after_s * self._config.time_scale

    @property
    def slots(self) -> Mapping[str, int]:
        most = self.conduct.slots
        return (
            self._config.slots if most is None else {pool: min(most, own) for pool, own in self._config.slots.items()}
        )

    @property
    def uploads_per_minute(self) -> int | None:
        return _limit(self.conduct.uploads_per_minute, self._config.uploads_per_minute)

    @property
    def creations_per_minute(self) -> int | None:
        return _limit(self.conduct.creations_per_minute, self._config.creations_per_minute)

    @property
    def url_ttl_s(self) -> float:
        return self.conduct.url_ttl_s or self._config.url_ttl_s

    def shown(self) -> dict[str, Any]:
        """What is in force, and what there is to choose from."""
        return {
            "profile": self.profile,
            "knobs": self.conduct.model_dump(mode="json"),
            "profiles": {name: profile.sentence for name, profile in PROFILES.items()},
        }

    def _take_on(self, conduct: Conduct, *, refill: bool) -> None:
        if refill and conduct.credits is not None:
            self._wallet.refill(conduct.credits.quantize(Decimal("0.01")))
        elif conduct.credits is None and self.conduct.credits is not None:
            self._wallet.refill(self._config.balance)
        if conduct.has_strangers:
            self._strangers.settle_in(conduct.foreign_tasks)
        else:
            self._strangers.leave()


def _limit(turned: int | None, own: int | None) -> int | None:
    return own if turned is None else turned or None
