"""Run a foreign program line by line, bounded in time, and recognise what commonly goes wrong with downloads."""

import contextlib
import os
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bootstrap.words import Trouble

_KEPT_LINES = 200
_SHOWN_LINES = 12

_NO_NETWORK = (
    "Temporary failure in name resolution",
    "Temporary failure resolving",
    "Could not resolve",
    "Name or service not known",
    "Network is unreachable",
    "No route to host",
    "Connection refused",
    "Connection timed out",
    "Could not connect",
    "NewConnectionError",
    "ConnectTimeoutError",
    "Read timed out",
)
_NO_SPACE = ("No space left on device", "Errno 28", "enough free space", "Disk quota exceeded")
_BAD_HASH = ("DO NOT MATCH THE HASHES",)


def run_command(
    command: Sequence[str | Path],
    *,
    at_most_s: float,
    purpose: str,
    on_line: Callable[[str], None] = lambda line: None,
    environment: Mapping[str, str] | None = None,
    may_fail: bool = False,
    keep: int = _KEPT_LINES,
) -> tuple[int, list[str]]:
    """Run to its end and return exit code and its last `keep` lines.

    Raises Trouble when it exits with an error (unless may_fail), takes longer than at_most_s, or cannot be started.
    """
    merged = {**os.environ, "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive", **(environment or {})}
    lines: deque[str] = deque(maxlen=keep)
    try:
        process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=merged,
            start_new_session=True,
        )
    except OSError as error:
        raise Trouble(
            what=f"{command[0]} could not be started: {error.strerror}.",
            hint=f"{purpose} needs it; this setup knows Debian 12 or newer and Raspberry Pi OS.",
            chinese=f"无法运行 {command[0]}。本安装程序支持 Debian 12 及以上和树莓派系统。",
        ) from error
    too_slow = threading.Event()

    def end_it() -> None:
        too_slow.set()
        _kill_group(process)

    watchdog = threading.Timer(at_most_s, end_it)
    watchdog.daemon = True
    watchdog.start()
    try:
        assert process.stdout is not None
        for raw in process.stdout:
            line = raw.rstrip()
            lines.append(line)
            on_line(line)
        code = process.wait()
    except BaseException:
        _kill_group(process)
        raise
    finally:
        watchdog.cancel()
    kept = list(lines)
    if too_slow.is_set():
        raise Trouble(
            what=f"{purpose} took longer than {at_most_s:.0f} s and was stopped.",
            hint="look at the network, then start again: what was fetched already is kept.",
            chinese="等待时间过长，已停止。请检查网络后再试一次。",
        )
    if code != 0 and not may_fail:
        raise trouble_of(purpose, kept)
    return code, kept


def trouble_of(purpose: str, lines: Sequence[str]) -> Trouble:
    """The trouble that a program's last lines tell of, in a person's words."""
    text = "\n".join(lines)
    if any(mark in text for mark in _NO_SPACE):
        return Trouble(
            what=f"{purpose} failed: the disk is full.",
            hint="free at least 1 GB on the disk of this checkout (df -h .), then start again.",
            chinese="磁盘已满：请腾出至少 1 GB 空间后再试一次。",
        )
    if any(mark in text for mark in _BAD_HASH):
        return Trouble(
            what=f"{purpose} failed: a downloaded package is not the one that the lock names.",
            hint="do not go on; start again, and if it stays so, tell whoever keeps the package mirror.",
            chinese="下载的软件包与锁定文件不符，请勿继续使用，请联系维护人员。",
        )
    if any(mark in text for mark in _NO_NETWORK):
        return Trouble(
            what=f"{purpose} failed: no network, or the package server does not answer.",
            hint="the first start needs the internet once; check cable, Wi-Fi or proxy, then start again.",
            chinese="无法连接网络：首次启动需要联网一次，请检查网络后再试。",
        )
    shown = "\n".join("    " + line for line in lines[-_SHOWN_LINES:])
    return Trouble(
        what=f"{purpose} failed. Its last words:\n{shown}",
        hint="mend what these lines name, then start again: what was done already is kept.",
        chinese="安装失败，请根据上面的提示处理后再试一次。",
    )


def _kill_group(process: "subprocess.Popen[str]") -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
