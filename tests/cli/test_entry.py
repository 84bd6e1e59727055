"""The console script from its first moment to its last."""

from __future__ import annotations

import signal
import tomllib

from tests.processes.processes import ROOT, python

IMPORTS_SLOWLY = """
import sys, time
class Slow:
    def find_spec(self, name, *_):
        if name == "typer":
            print("imports", flush=True)
            time.sleep(60)
sys.meta_path.insert(0, Slow())
sys.argv = ["catalog3d", "--version"]
from catalog3d.cli.entry import main
main()
"""
ENDS = """
import sys, threading, time
sys.argv = ["catalog3d", "--version"]
from catalog3d.cli.entry import end_by_force, main
threading.Thread(target=time.sleep, args=(60,)).start()
end_by_force()
main()
"""


def test_ctrl_c_while_python_still_imports_says_one_word() -> None:
    running = python(IMPORTS_SLOWLY)
    assert running.stdout is not None
    assert running.stdout.readline() == "imports\n"
    running.send_signal(signal.SIGINT)
    _, stderr = running.communicate(timeout=20)
    assert (running.returncode, stderr) == (130, "Stopped.\n")


def test_a_program_whose_threads_cannot_end_has_said_everything_and_ends() -> None:
    running = python(ENDS)
    stdout, stderr = running.communicate(timeout=20)
    assert (running.returncode, stderr) == (0, "")
    assert stdout.strip()


def test_the_console_script_is_the_entry_and_imports_nothing_of_weight() -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert scripts == {"catalog3d": "catalog3d.cli.entry:main"}
    told = python("import sys, catalog3d.cli.entry; print({'typer', 'rich', 'asyncio', 'httpx'} & set(sys.modules))")
    assert told.communicate(timeout=20)[0] == "set()\n"
