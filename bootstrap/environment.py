"""The virtual environment `.venv`: made once, filled from the hashed locks; a stamp lets a second start skip it."""

import hashlib
import importlib.util
import os
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from bootstrap.commands import run_command
from bootstrap.words import Trouble, step

VENV = ".venv"
_VENV_AT_MOST_S = 180.0
_PIP_AT_MOST_S = 1200.0
# Measured: 240 MB for running, 530 MB with the test tools, and pip's temporary copies while it installs.
NEEDED_MB = {"requirements.lock": 600, "requirements-test.lock": 900}


def is_installed(checkout: Path, lock: str) -> bool:
    """Whether this lock, as it stands, was installed whole by this interpreter into this checkout."""
    try:
        return _stamp(checkout, lock).read_text() == _fingerprint(checkout, lock)
    except OSError:
        return False


def install(checkout: Path, locks: Sequence[str]) -> None:
    """Bring `.venv` to what the locks say. Raises Trouble."""
    missing = [lock for lock in locks if not is_installed(checkout, lock)]
    if not missing:
        return
    _need_room(checkout, max(NEEDED_MB[lock] for lock in missing))
    if not _is_usable(checkout):
        _make(checkout)
    for lock in missing:
        _pip_install(checkout, lock)
        _put_checkout_on_path(checkout)
        _stamp(checkout, lock).write_text(_fingerprint(checkout, lock))


def python(checkout: Path) -> Path:
    return checkout / VENV / "bin" / "python"


def _stamp(checkout: Path, lock: str) -> Path:
    return checkout / VENV / f"installed-{lock}"


def _fingerprint(checkout: Path, lock: str) -> str:
    digest = hashlib.sha256((checkout / lock).read_bytes()).hexdigest()
    return f"{digest} {checkout} {os.path.realpath(python(checkout), strict=True)}"


def _need_room(checkout: Path, needed_mb: int) -> None:
    free_mb = shutil.disk_usage(checkout).free // 1_000_000
    if free_mb < needed_mb:
        raise Trouble(
            what=f"Only {free_mb} MB are free on the disk of {checkout}; the installation needs {needed_mb} MB.",
            hint="free some space (df -h . shows the disk), or move the checkout to a larger disk.",
            chinese=f"磁盘空间不足：需要 {needed_mb} MB，只剩 {free_mb} MB。请腾出空间后再试。",
        )


def _is_usable(checkout: Path) -> bool:
    if not python(checkout).exists():
        return False
    probe = "import sys, pip; print('%d.%d' % sys.version_info[:2])"
    code, lines = run_command(
        [python(checkout), "-c", probe], at_most_s=60, purpose="Looking at the environment", may_fail=True
    )
    return code == 0 and lines[-1:] == ["{}.{}".format(*sys.version_info[:2])]


def _make(checkout: Path) -> None:
    if any(importlib.util.find_spec(name) is None for name in ("venv", "ensurepip")):
        raise Trouble(
            what="This Python has no venv module.",
            hint="sudo apt-get install python3-venv, then start again.",
            chinese="缺少 python3-venv，请先运行：sudo apt-get install python3-venv",
        )
    shutil.rmtree(checkout / VENV, ignore_errors=True)
    # On a Pi the camera library, and lgpio for 3.13, come from apt: only then is the system's Python seen.
    sees_system = importlib.util.find_spec("picamera2") is not None or (
        sys.version_info >= (3, 13) and importlib.util.find_spec("lgpio") is not None
    )
    options = ["--system-site-packages"] if sees_system else []
    with step("Making the Python environment 建立 Python 环境"):
        run_command(
            [sys.executable, "-m", "venv", *options, checkout / VENV],
            at_most_s=_VENV_AT_MOST_S,
            purpose="Making the Python environment",
        )


def _pip_install(checkout: Path, lock: str) -> None:
    # pip unpacks in its temporary folder; /tmp is memory on the newer Raspberry Pi OS, so it gets a folder on disk.
    scratch = checkout / ".gatehouse" / "tmp"
    scratch.mkdir(parents=True, exist_ok=True)
    total = len(re.findall(r"^[^#\s].*==", (checkout / lock).read_text(), re.MULTILINE))
    with step(f"Installing {total} packages from {lock} 安装软件包") as progress:
        seen = 0

        def show(line: str) -> None:
            nonlocal seen
            if match := re.match(r"(?:Collecting|Requirement already satisfied:) ([\w.-]+)", line):
                seen += 1
                progress.show(f"{min(seen, total)} of {total}  {match.group(1)}")
            elif line.startswith("Installing collected packages"):
                progress.show("unpacking")

        try:
            run_command(
                [python(checkout), "-m", "pip", "install", "--require-hashes", "--only-binary", ":all:", "--no-deps",
                 "--no-input", "--disable-pip-version-check", "--progress-bar", "off", "--retries", "3",
                 "--timeout", "60", "-r", checkout / lock],
                at_most_s=_PIP_AT_MOST_S,
                purpose="Installing the Python packages",
                on_line=show,
                environment={"TMPDIR": str(scratch), "PIP_NO_COLOR": "1"},
            )  # fmt: skip
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


def _put_checkout_on_path(checkout: Path) -> None:
    """Let the environment import the checkout from any folder, and give it the command `gatehouse`.

    A path file instead of an editable install: no build tool, no network, nothing to build again after a change.
    """
    (site,) = (checkout / VENV / "lib").glob("python3.*/site-packages")
    (site / "gatehouse-checkout.pth").write_text(f"{checkout}\n")
    command = checkout / VENV / "bin" / "gatehouse"
    command.write_text(f'#!/bin/sh\nexec "{python(checkout)}" -P -m gatehouse "$@"\n')
    command.chmod(0o755)
