"""The account's credits: held when a task is made, spent when it succeeds, given back when it does not."""

from __future__ import annotations

from decimal import Decimal

from catalog3d.standin.answers import Refusal
from catalog3d.standin.store import Store


class Wallet:
    """Available and frozen credits, as exact decimals. Call the changes inside a transaction."""

    def __init__(self, store: Store, first_balance: Decimal) -> None:
        self._store = store
        store.fact("available", str(first_balance))
        store.fact("frozen", "0.00")

    @property
    def available(self) -> Decimal:
        return Decimal(self._store.fact("available", "0"))

    @property
    def frozen(self) -> Decimal:
        return Decimal(self._store.fact("frozen", "0"))

    def freeze(self, credits_: Decimal) -> None:
        """Hold credits for a new task.

        Raises:
            Refusal: 2010; nothing changed.
        """
        if credits_ > self.available:
            raise Refusal(2010, f"{credits_} needed, {self.available} available")
        self._set(self.available - credits_, self.frozen + credits_)

    def settle(self, credits_: Decimal) -> None:
        """Spend what was held."""
        self._set(self.available, self.frozen - credits_)

    def release(self, credits_: Decimal) -> None:
        """Give back what was held."""
        self._set(self.available + credits_, self.frozen - credits_)

    def refill(self, credits_: Decimal) -> None:
        """So much is available from now on; what is held stays held."""
        self._set(credits_, self.frozen)

    def _set(self, available: Decimal, frozen: Decimal) -> None:
        self._store.set_fact("available", str(available))
        self._store.set_fact("frozen", str(frozen))
