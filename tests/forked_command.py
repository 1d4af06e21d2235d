"""The bundle's commands as ``python -m`` runs them, without the seconds for which a new interpreter imports.

A server that has imported torch and MONAI, and nothing else, is forked for each command. What a test says of
imports, of a bare shell or of signals needs a process of its own.
"""

import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
from pathlib import Path

from scripts import bundle_root

SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(["torch", "monai.bundle", "monai.data", "monai.transforms", "monai.handlers"])


def run_command(arguments, cwd=None, env=None):
    """Run ``python -m MODULE ARGUMENT ...``; return what ``subprocess.run`` would, its output as text.

    Args:
        arguments: the module and what follows it.
        cwd: where it is typed; the bundle's folder unless told otherwise.
        env: the whole environment; this process's unless told otherwise.
    """
    arguments = [str(argument) for argument in arguments]
    with tempfile.TemporaryDirectory() as folder:
        streams = [Path(folder, name) for name in ("stdout", "stderr")]
        places = (str(cwd or bundle_root()), dict(os.environ if env is None else env))
        process = SERVER.Process(target=_command, args=(arguments, *places, *map(str, streams)))
        process.start()
        process.join()
        out, err = (stream.read_text() if stream.exists() else "" for stream in streams)
    return subprocess.CompletedProcess(["python", "-m", *arguments], process.exitcode, out, err)


def _command(arguments, cwd, environment, stdout, stderr):
    for number, path in ((1, stdout), (2, stderr)):
        file = os.open(path, os.O_WRONLY | os.O_CREAT)
        os.dup2(file, number)
        os.close(file)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    sys.path.insert(0, cwd)
    sys.argv = arguments
    try:
        runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        raise SystemExit(end.code if isinstance(end.code, int) else int(end.code is not None)) from None
    except BaseException:  # as the interpreter does
        sys.excepthook(*sys.exc_info())
        raise SystemExit(1) from None
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
