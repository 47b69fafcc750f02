"""Set the machine up where something is missing, then become the program that was asked for."""

import contextlib
import fcntl
import os
import shutil
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from bootstrap import environment, native
from bootstrap.words import Trouble, say

CHECKOUT = Path(__file__).resolve().parent.parent
EXIT_NOT_SET_UP = 3
_ROOM_TO_RUN_MB = 100
_RUN_LOCKS = ("requirements.lock",)
_TEST_LOCKS = ("requirements.lock", "requirements-test.lock")

_USAGE = {
    "run": """./run [options]        set up what is missing, then start a small street: broker, centre, two gates
./run --check          the same without a person: prove the chain end to end; exit code 0 or words on what broke
The first start needs Python 3.11 with venv, apt, the internet and about 600 MB; later starts need none of it.
首次启动会自动安装所需组件（需要联网一次）。
""",
    "test": """./test [options]       set up what is missing, then run every test lane that this machine can run
./test --long          the long commands of tests/long (forgery, kill -9, power cuts)
""",
    "prepare": "start.py prepare       set up what is missing, and stop there\n",
}


def main(arguments: Sequence[str]) -> int:
    """Run `run`, `test` or `prepare`. Exit code 3 with words when the machine could not be set up."""
    command, *rest = arguments or ["run"]
    if command not in _USAGE:
        say("".join(_USAGE.values()))
        return 2
    locks = _TEST_LOCKS if command == "test" else _RUN_LOCKS
    is_ready = all(environment.is_installed(CHECKOUT, lock) for lock in locks)
    if {"--help", "-h"} & set(rest) and not is_ready:
        say(_USAGE[command])
        return 0
    try:
        variables = prepare(locks)
    except Trouble as trouble:
        say(f"\n{trouble}")
        return EXIT_NOT_SET_UP
    except OSError as error:
        say(f"\nThe setup could not write or read {error.filename or 'a file'}: {error.strerror}.")
        say(f"What to do: the checkout {CHECKOUT} must be on a disk with room, and belong to the user who starts it.")
        say("无法写入安装目录：请检查磁盘空间和目录权限。")
        return EXIT_NOT_SET_UP
    except KeyboardInterrupt:
        say("\nStopped. What was fetched already is kept for the next start. 已停止。")
        return 130
    if command == "prepare":
        say("Everything is set up. 准备完毕。")
        return 0
    return _become(command, rest, variables)


def prepare(locks: Sequence[str]) -> Mapping[str, str]:
    """Bring environment, broker, libzbar and voice into place; quick when they are. Raises Trouble or OSError."""
    home = CHECKOUT / ".gatehouse"
    home.mkdir(exist_ok=True)
    if shutil.disk_usage(home).free < _ROOM_TO_RUN_MB * 1_000_000:
        raise Trouble(
            what=f"The disk of {CHECKOUT} is nearly full: less than {_ROOM_TO_RUN_MB} MB are free.",
            hint="free some space first (df -h .): a gate without room for its journal releases nothing by itself.",
            chinese="磁盘将满，请先腾出空间。",
        )
    with _alone(home / "setup.lock"):
        environment.install(CHECKOUT, locks)
        return native.native_environment(CHECKOUT)


@contextlib.contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Hold the setup's lock, so that two starts at once do not install into each other."""
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another start is setting up this checkout; waiting for it … 另一个程序正在安装，请稍候……")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _become(command: str, rest: Sequence[str], variables: Mapping[str, str]) -> NoReturn:
    python = str(environment.python(CHECKOUT))
    module = ["gatehouse", "street"] if command == "run" else ["bootstrap.lanes"]
    os.environ.update(variables)
    sys.stdout.flush()
    if command == "run":
        # A Ctrl-C between two programs would print a trace: it waits until the next one can say that it stops.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    # -P: a folder named `model` where the person stands must not come before ours.
    os.execv(python, [python, "-P", "-m", *module, *rest])
