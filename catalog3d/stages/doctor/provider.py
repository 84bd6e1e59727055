"""Tripo: key, region, wallet, clock, and the hosts that results come from. Nothing is bought, the key is never shown."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from decimal import Decimal
from urllib.parse import urlsplit

import httpx
from pydantic import SecretStr

from catalog3d.adapters.tripo.addresses import is_loopback
from catalog3d.adapters.tripo.answers import BalanceAnswer
from catalog3d.adapters.tripo.channel import World, http_client
from catalog3d.adapters.tripo.failures import error_for
from catalog3d.adapters.tripo.probe import Look, Probe
from catalog3d.diagnosis.findings import Finding, fine, problem, warning
from catalog3d.errors import RunError
from catalog3d.ports import Balance
from catalog3d.settings import Settings, key_fingerprint
from catalog3d.stages.doctor.clocks import clock_finding
from catalog3d.stages.doctor.site import Site
from catalog3d.wording import credits_text

REGIONS = {"openapi.tripo3d.ai": "the global region", "openapi.tripo3d.com": "the mainland China region"}
"""A key works in one of them only (Tripo's migration guide, 2026-07)."""
USUAL_PRICE = Decimal(30)
"""A photo to a textured model of the H family, price list of 2026-11."""
HOST_TIMEOUT_S = 6.0
NO_KEY = "No key is set: runs rehearse with the local stand-in, which costs nothing."


def check_tripo(site: Site) -> Iterator[Finding]:
    settings = _settings(site)
    key = settings.tripo_key
    if key is None or not site.pays:
        why = NO_KEY if key is None else "CATALOG3D_GENERATOR is standin: the key is not used."
        yield fine("Tripo key", why)
        return
    yield _key_finding(key, len(settings.tripo.previous_api_keys))
    host = urlsplit(settings.tripo.base_url).hostname or ""
    look = asyncio.run(_balance(settings.tripo.base_url, key))
    yield region_finding(look, host)
    if look.answer.is_success:
        yield wallet_finding(BalanceAnswer.model_validate(look.answer.data).to_balance())
        yield clock_finding("Tripo clock", look.clock_offset_s)
    elif look.answer.status != 401:
        error = error_for(look.answer, paid=False, now=look.answered_at)
        yield problem("Wallet", error.message, error.fix or "Try again in a few minutes.")


def check_download_hosts(site: Site) -> Iterator[Finding]:
    """A result that is paid for and cannot be fetched is the worst moment to learn of a firewall."""
    settings = _settings(site)
    base = urlsplit(settings.tripo.base_url).hostname or ""
    if not site.pays or is_loopback(base):
        return
    hosts = sorted({host.strip().lower() for host in settings.tripo.download_hosts if host.strip()})
    if not hosts:
        yield problem(
            "Download hosts", "No host is allowed to deliver results.", "Unset CATALOG3D_TRIPO__DOWNLOAD_HOSTS."
        )
        return
    silent = {host: why for host, why in asyncio.run(_unreachable(hosts)).items() if why}
    if not silent:
        yield fine("Download hosts", f"All answer: {', '.join(hosts)}.")
        return
    told = "; ".join(f"{host} ({why})" for host, why in silent.items())
    level = problem if len(silent) == len(hosts) else warning
    yield level(
        "Download hosts",
        f"{len(silent)} of {len(hosts)} do not answer: {told}.",
        "Allow https to them in firewall and proxy. Which of them Tripo uses depends on the region: "
        "`catalog3d doctor --live` shows it.",
    )


def wallet_finding(balance: Balance) -> Finding:
    """Whether the wallet can pay for a model."""
    held = f", {credits_text(balance.frozen)} more are held by running tasks" if balance.frozen else ""
    found = f"{credits_text(balance.available)} API credits are available{held}."
    if balance.available >= USUAL_PRICE:
        return fine("Wallet", found)
    fix = (
        "Buy API credits at platform.tripo3d.ai: credits of Tripo Studio are not API credits, nor the other way round."
    )
    if balance.available <= 0:
        return problem("Wallet", found, fix)
    return warning("Wallet", f"{found} A textured model from a photo costs {USUAL_PRICE}.", fix)


def region_finding(look: Look, host: str) -> Finding:
    """Whether the host knows the key; one that it does not know may belong to the other region."""
    region = REGIONS.get(host, "a server of your own choice")
    if look.answer.status != 401:
        return fine("Region", f"{host} ({region}) knows the key.")
    other = next((name for name in REGIONS if name != host), "")
    hint = (
        f"If it comes from {REGIONS[other]}, set CATALOG3D_TRIPO__BASE_URL=https://{other}; else make a new key."
        if host in REGIONS
        else "Check CATALOG3D_TRIPO__BASE_URL and the key."
    )
    return problem("Region", f"{host} ({region}) does not know the key (HTTP 401).", hint)


def _key_finding(key: SecretStr, previous: int) -> Finding:
    text = key.get_secret_value()
    known = f"fingerprint {key_fingerprint(key)}"
    more = f", and {previous} earlier for old tasks" if previous else ""
    if not text.isascii() or not text.isprintable() or any(sign.isspace() for sign in text):
        return problem(
            "Tripo key",
            f"The key ({known}) holds spaces or characters that no key has.",
            "Copy it again into CATALOG3D_TRIPO__API_KEY, without quotes or line ends.",
        )
    if not text.startswith("tsk_"):
        return problem(
            "Tripo key",
            f"The key ({known}) does not begin with tsk_, as every Tripo API key does.",
            "Take an API key from Tripo's developer platform; ids and Studio passwords do not work.",
        )
    return fine("Tripo key", f"One is set ({known}{more}).")


async def _balance(base_url: str, key: SecretStr) -> Look:
    async with Probe(base_url, key) as probe:
        return await probe.look("GET", "/v3/account/balance")


async def _unreachable(hosts: list[str]) -> dict[str, str]:
    """Host -> why nothing answers there, "" if anything does; the key stays here."""
    async with http_client(World(), httpx.Limits(), httpx.Timeout(HOST_TIMEOUT_S)) as client:

        async def why(host: str) -> str:
            try:
                await client.head(f"https://{host}/")
            except httpx.HTTPError as exc:
                return type(exc).__name__
            return ""

        return dict(zip(hosts, await asyncio.gather(*(why(host) for host in hosts)), strict=True))


def _settings(site: Site) -> Settings:
    if site.settings is None:
        raise RunError("The settings cannot be read.", code="SETTINGS_INVALID", fix="Correct them first.")
    return site.settings
