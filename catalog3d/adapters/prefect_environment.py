"""The environment of every process of ours that runs Prefect: its own home, no telemetry, no noise.

Prefect reads its settings when it is imported, so these must be in the environment before that. They also override what a
`prefect.toml`, `pyproject.toml` or `.env` in the working folder says.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from catalog3d.home import Home

PROFILE = "catalog3d"
PREFECT_LOG_SIZE_BYTES = 5_000_000
"""One old file is kept beside it. Ours: a run of 1000 SKUs with three tasks each logs about 1 MB at level INFO."""

_QUIET = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",
    "PREFECT_CLI_PROMPT": "false",
    "PREFECT_CLI_COLORS": "false",
    "PREFECT_LOGGING_COLORS": "false",
}

_BATCH = {
    # Measured: with the defaults (1 and 20 rows a batch) 1000 SKUs lost half of their task runs, with these none.
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_BATCH_SIZE": "200",
}

_ONE_RETRY_POLICY = {
    # The tasks say what is tried again; a default from elsewhere would multiply it.
    "PREFECT_TASKS_DEFAULT_RETRIES": "0",
    "PREFECT_FLOWS_DEFAULT_RETRIES": "0",
    "PREFECT_TASKS_DEFAULT_PERSIST_RESULT": "false",
    "PREFECT_TASKS_DISABLE_CACHING": "true",
    "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "false",
}

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def client_environment(home: Home, api_url: str, *, inherited: Mapping[str, str] | None = None) -> dict[str, str]:
    """What a process that runs flows must have in its environment before it imports Prefect.

    Writes the profile and the logging configuration that it names. Prefect's own log, and warnings of any library, go to
    `home.logs/prefect.log`; logs of flow and task runs also go to the API; nothing goes to stdout or stderr.

    Args:
        home: Whose Prefect home and logs to use.
        api_url: As `prefect_server` gave it.
        inherited: The environment that this will be added to; the process's own if None.
    """
    return {
        **_own_home(home),
        **_QUIET,
        **_ONE_RETRY_POLICY,
        **_direct_loopback(os.environ if inherited is None else inherited),
        "PREFECT_API_URL": api_url,
        "PREFECT_LOGGING_SETTINGS_PATH": str(_write_logging(home)),
        "PREFECT_LOGGING_LEVEL": "INFO",
        "PREFECT_LOGGING_TO_API_ENABLED": "true",
        "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
    }


def server_environment(home: Home, api_url: str, *, ui: bool) -> dict[str, str]:
    """The whole environment of a Prefect server of ours: the process's own, without any setting of the user's Prefect."""
    return {
        **without_secrets(os.environ),
        **_own_home(home),
        **_QUIET,
        **_BATCH,
        **_direct_loopback(os.environ),
        "PREFECT_API_URL": api_url,
        "PREFECT_SERVER_UI_ENABLED": str(ui).lower(),
        # Prefect would copy its pages into its own package, which may be read-only or shared by several servers.
        "PREFECT_SERVER_UI_STATIC_DIRECTORY": str(home.prefect / "ui"),
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    }


def command_environment(home: Home, api_url: str) -> dict[str, str]:
    """The whole environment of a Prefect worker or command of ours; the flow runs of a worker inherit it."""
    return {**without_prefect(os.environ), **client_environment(home, api_url), "CATALOG3D_HOME": str(home.root)}


def without_prefect(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without the user's own Prefect settings, which may name their server, key or database."""
    return {name: value for name, value in environment.items() if not name.startswith("PREFECT_")}


def without_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment for a server that needs no key of ours or Tripo's, so it gets none."""
    ours = ("CATALOG3D_", "TRIPO_")
    return {name: value for name, value in without_prefect(environment).items() if not name.startswith(ours)}


def _own_home(home: Home) -> dict[str, str]:
    """Prefect's folder in this home, with a profile of ours: Prefect warns about a profile that it does not find."""
    home.prefect.mkdir(parents=True, exist_ok=True)
    home.logs.mkdir(parents=True, exist_ok=True)
    profiles = home.prefect / "profiles.toml"
    if not profiles.exists():
        write_atomically(profiles, f'active = "{PROFILE}"\n\n[profiles.{PROFILE}]\n')
    return {
        "PREFECT_HOME": str(home.prefect),
        "PREFECT_PROFILES_PATH": str(profiles),
        "PREFECT_PROFILE": PROFILE,
    }


def _direct_loopback(environment: Mapping[str, str]) -> dict[str, str]:
    """Our servers are on this machine: a proxy of the user's network must not be asked for them."""
    given = environment.get("NO_PROXY") or environment.get("no_proxy") or ""
    names = [name.strip() for name in given.split(",") if name.strip()]
    value = ",".join(dict.fromkeys([*names, *_LOOPBACK]))
    return {"NO_PROXY": value, "no_proxy": value}


def _write_logging(home: Home) -> Path:
    """Prefect's logging configuration without its console handlers (JSON is YAML)."""
    to_file = {"handlers": ["file"], "propagate": False}
    configuration = {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "plain": {"format": "%(asctime)s %(process)d %(levelname)-7s %(name)s - %(message)s"},
        },
        "handlers": {
            "file": {
                "class": "logging.handlers.RotatingFileHandler",
                # Prefect reads this file as a template, where a dollar sign is written twice
                "filename": str(home.logs / "prefect.log").replace("$", "$$"),
                "maxBytes": PREFECT_LOG_SIZE_BYTES,
                "backupCount": 1,
                "encoding": "utf-8",
                "delay": True,
                "formatter": "plain",
            },
            "api": {"class": "prefect.logging.handlers.APILogHandler"},
            "worker_api": {"class": "prefect.logging.handlers.WorkerAPILogHandler"},
        },
        "loggers": {
            "prefect": {"level": "${PREFECT_LOGGING_LEVEL}", **to_file},
            "prefect.extra": {"level": "${PREFECT_LOGGING_LEVEL}", "handlers": ["api"], "propagate": False},
            "prefect.flow_runs": {"level": "NOTSET", "handlers": ["api"]},
            "prefect.task_runs": {"level": "NOTSET", "handlers": ["api"]},
            "prefect.workers": {"level": "NOTSET", "handlers": ["worker_api"]},
            # The evidence of paid calls: their request and trace ids.
            "catalog3d.tripo": {"level": "INFO", **to_file},
            "prefect._internal": {"level": "ERROR", **to_file},
            "uvicorn": {"level": "WARNING", **to_file},
            "fastapi": {"level": "WARNING", **to_file},
        },
        "root": {"level": "WARNING", "handlers": ["file"]},
    }
    path = home.shared / "prefect-logging.yml"
    write_atomically(path, json.dumps(configuration, indent=1))
    return path


def write_atomically(path: Path, text: str, *, mode: int = 0o600) -> None:
    """Replace the file in one step, so that no reader ever sees half of it."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(mode)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
