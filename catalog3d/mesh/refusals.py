"""Reports of files that could not be looked at. Light to import: the parent of the child process uses it too."""

from __future__ import annotations

from catalog3d.mesh.findings import blocks, error, info, warning
from catalog3d.mesh.profiles import ProfileLimits
from catalog3d.quality import Check, MeshReport


def refusal(profile: ProfileLimits, check: Check) -> MeshReport:
    """The report of a file that could not be looked at."""
    return MeshReport(profile=profile.name, checks=(check,), facts=None)


def timed_out(limit_s: float) -> Check:
    """Looking at the file took too long."""
    message = f"Looking at this file takes longer than {limit_s:g} seconds: a shopper would not wait either. Generate it again with fewer triangles."
    return error("TIMEOUT", message, None, limit_s)


def out_of_memory(memory_bytes: int) -> Check:
    """The file needs more memory than one file may have."""
    message = f"Looking at this file takes more than {memory_bytes / 1024**3:.1f} GB of memory: a shopper's phone has less. Generate it again with fewer triangles or smaller textures."
    return error("MEMORY", message, None, memory_bytes)


def killed(memory_bytes: int) -> Check:
    """The system ended the child."""
    message = "The system ended the check of this file, most often because the machine ran out of memory. Run it again; if that fails too, generate it again."
    return error("MEMORY", message, None, memory_bytes)


def unreadable(why: str) -> Check:
    """The system does not give the file's bytes."""
    return error("FILE_UNREADABLE", f"The file cannot be read: {why}. Check its permissions and its disk.", why)


def crashed(how: str) -> Check:
    """The check failed in a way that nobody foresaw."""
    message = (
        f"The check broke off on this file ({how}): do not publish it. Generate it again; if that fails too, report it."
    )
    return error("CHECK_CRASHED", message, how)


def no_picture(reason: str, report: MeshReport) -> Check:
    """There is no picture: worth a look only where nothing else is wrong."""
    make = info if blocks(report.checks) else warning
    return make("NO_PICTURE", f"There is no picture of this model. {reason}".strip())
