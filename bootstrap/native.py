"""Broker, libzbar, voice: the system's where they are installed, else Debian's packages unpacked below `.gatehouse`.

Nothing is installed into the system and no root is needed: apt resolves and downloads into folders of ours (with every
dependency that the system lacks), `dpkg -x` unpacks. Root goes the same way, so that there is one way to test.

A street without broker or libzbar is none; one without a voice is a quiet one: that is told, and tried again next day.
"""

import json
import os
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from bootstrap.commands import run_command, trouble_of
from bootstrap.words import Trouble, say, step

BROKER_VARIABLE = "GATEHOUSE_MOSQUITTO"
ZBAR_VARIABLE = "GATEHOUSE_LIBZBAR"
VOICE_VARIABLE = "GATEHOUSE_ESPEAK"
_ZBAR = "libzbar.so.0"
_SYSTEM_FOLDERS = "/usr/sbin:/usr/local/sbin:/sbin:/usr/bin:/usr/local/bin"
_APT_AT_MOST_S = 300.0
_NEEDED_MB = 150
_NO_VOICE = "no_voice"
_VOICE_TRIED_AGAIN_AFTER_S = 24 * 3600.0


def native_environment(checkout: Path) -> Mapping[str, str]:
    """Variables that tell the project where broker, libzbar and voice are; fetches what is missing. Raises Trouble.

    GATEHOUSE_MOSQUITTO: the broker's program, or a wrapper that becomes it by exec (same pid).
    GATEHOUSE_LIBZBAR: full path of libzbar.so.0, only where the loader does not find it by name; the libraries that it
    needs and the system lacks lie beside it.
    GATEHOUSE_ESPEAK: espeak-ng, or a wrapper that gives it its libraries and voices; absent where it could not be had.
    """
    record = checkout / ".gatehouse" / "native.json"
    known = _known_and_still_there(record)
    if known is None:
        record.parent.mkdir(exist_ok=True)
        known = _find_or_unpack(record.parent)
    if not _is_voice_settled(known):
        known = _without_voice(known) | _find_or_unpack_voice(record.parent)
        record.write_text(json.dumps(known, indent=1) + "\n")
    return {name: value for name, value in known.items() if name.startswith("GATEHOUSE_")}


def _known_and_still_there(record: Path) -> dict[str, str] | None:
    """What an earlier start found, if every file of it still exists."""
    try:
        known: dict[str, str] = json.loads(record.read_text())
    except (OSError, ValueError):
        return None
    return known if known and all(os.path.exists(path) for path in _without_voice(known).values()) else None


def _without_voice(known: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in known.items() if name not in (VOICE_VARIABLE, _NO_VOICE)}


def _is_voice_settled(known: Mapping[str, str]) -> bool:
    """Whether the voice is there, or was looked for in vain not long ago: an offline start waits for no network."""
    if VOICE_VARIABLE in known:
        return os.path.exists(known[VOICE_VARIABLE])
    try:
        return abs(time.time() - os.stat(known.get(_NO_VOICE, "")).st_mtime) < _VOICE_TRIED_AGAIN_AFTER_S
    except OSError:
        return False


def _find_or_unpack(home: Path) -> dict[str, str]:
    broker = _system_program("mosquitto")
    zbar = _system_library(_ZBAR)
    packages = [name for name, found in (("mosquitto", broker), ("libzbar0", zbar)) if found is None]
    tree = home / "apt"
    if packages:
        _need_apt(packages)
        # One reading of Debian's list for all: what the voice needs comes along.
        wanted = packages if _system_program("espeak-ng") else [*packages, "espeak-ng"]
        shutil.rmtree(tree, ignore_errors=True)
        with step(f"Fetching {' and '.join(wanted)} from Debian's packages 下载系统组件"):
            _unpack(home / "apt-work", tree, wanted)
    known = {BROKER_VARIABLE: broker or _wrap_broker(home, tree)}
    if zbar is not None:
        return known | {"libzbar_of_the_system": zbar}
    library = next((folder / _ZBAR for folder in _library_folders(tree) if (folder / _ZBAR).exists()), None)
    if library is None:
        raise _incomplete(_ZBAR)
    return known | {ZBAR_VARIABLE: str(library)}


def _find_or_unpack_voice(home: Path) -> dict[str, str]:
    """The voice, or a file that says that there is none for now. Never raises Trouble: a gate works without a voice."""
    system = _system_program("espeak-ng")
    if system is not None:
        return {VOICE_VARIABLE: system}
    tree = home / "apt"
    try:
        if not (tree / "usr/bin/espeak-ng").exists():
            _need_apt(["espeak-ng"])
            with step("Fetching espeak-ng, the gates' voice, from Debian's packages 下载语音组件"):
                _unpack(home / "apt-work", tree, ["espeak-ng"])
        return {VOICE_VARIABLE: _wrap_voice(home, tree)}
    except Trouble as trouble:
        say(f"{trouble}\nThe gates stay silent for now; everything else works. 暂无语音，其他功能不受影响。")
        missing = home / "no-voice"
        missing.touch()
        return {_NO_VOICE: str(missing)}


def _system_program(name: str) -> str | None:
    return shutil.which(name) or shutil.which(name, path=_SYSTEM_FOLDERS)


def _system_library(name: str) -> str | None:
    ldconfig = shutil.which("ldconfig") or shutil.which("ldconfig", path=_SYSTEM_FOLDERS)
    if ldconfig is None:
        return None
    _, lines = run_command([ldconfig, "-p"], at_most_s=30, purpose="Looking for libraries", keep=100_000, may_fail=True)
    for line in lines:
        if line.split()[:1] == [name] and "=> " in line:
            return line.rpartition("=> ")[2]
    return None


def _need_apt(packages: Sequence[str]) -> None:
    if shutil.which("apt-get") and shutil.which("dpkg"):
        return
    raise Trouble(
        what=f"{' and '.join(packages)} is missing, and this is not a Debian system with apt-get.",
        hint=f"install {' and '.join(packages)} with your system's package manager, then start again.",
        chinese=f"缺少 {'、'.join(packages)}，请用本系统的软件包管理器安装后再试。",
    )


def _unpack(work: Path, tree: Path, packages: Sequence[str]) -> None:
    free_mb = shutil.disk_usage(work.parent).free // 1_000_000
    if free_mb < _NEEDED_MB:
        raise Trouble(
            what=f"Only {free_mb} MB are free; fetching {' and '.join(packages)} needs {_NEEDED_MB} MB.",
            hint="free some space (df -h . shows the disk), then start again.",
            chinese=f"磁盘空间不足：需要 {_NEEDED_MB} MB，只剩 {free_mb} MB。",
        )
    shutil.rmtree(work, ignore_errors=True)
    for folder in ("state/lists/partial", "cache/archives/partial"):
        (work / folder).mkdir(parents=True)
    options = _apt_options(work)
    try:
        # A single unreachable source makes `update` fail; what counts is whether the packages can be fetched.
        code, update_lines = run_command(
            ["apt-get", *options, "update"], at_most_s=_APT_AT_MOST_S, purpose="Reading Debian's list", may_fail=True
        )
        wanted = ["-y", "--no-install-recommends", "--download-only", "install", *packages]
        fetch = ["apt-get", *options, *wanted]
        fetch_code, lines = run_command(fetch, at_most_s=_APT_AT_MOST_S, purpose="Fetching packages", may_fail=True)
        if fetch_code != 0:
            raise trouble_of(f"Fetching {' and '.join(packages)} with apt", [*(update_lines if code else []), *lines])
        for archive in sorted((work / "cache/archives").glob("*.deb")):
            run_command(["dpkg", "-x", archive, tree], at_most_s=120, purpose=f"Unpacking {archive.name}")
        _merge_lib_into_usr(tree)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _apt_options(work: Path) -> list[str]:
    settings = {
        "Dir::State": f"{work}/state",
        "Dir::State::status": "/var/lib/dpkg/status",  # dependencies that the system has are not fetched
        "Dir::Cache": f"{work}/cache",
        "Debug::NoLocking": "1",  # the system's lock needs root, and only our folders are written
        "APT::Sandbox::User": "root",  # root's apt would fetch as _apt, who may not write below a home
        "Acquire::Languages": "none",
        "Acquire::Retries": "3",
        "Acquire::http::Timeout": "30",
        "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled": "false",
        "Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled": "false",
    }
    return [part for name, value in settings.items() for part in ("-o", f"{name}={value}")]


def _merge_lib_into_usr(tree: Path) -> None:
    """Some packages still unpack into /lib. Beside each other, libraries are found by whoever was told of one."""
    for file in tree.glob("lib/*-linux-gnu*/*.so*"):
        target = tree / "usr" / file.relative_to(tree)
        target.parent.mkdir(parents=True, exist_ok=True)
        file.rename(target)


def _library_folders(tree: Path) -> list[Path]:
    """Where libraries were unpacked: the folders of the architecture, and those of packages with one of their own.

    libpulse0, which espeak-ng needs, looks for libpulsecommon in usr/lib/ARCHITECTURE/pulseaudio by an absolute path.
    """
    folders = sorted(tree.glob("usr/lib/*-linux-gnu*"))
    own = sorted({library.parent for folder in folders for library in folder.glob("*/*.so*")})
    return folders + own


def _wrap_broker(home: Path, tree: Path) -> str:
    """A wrapper that gives the unpacked libraries to the broker alone."""
    return _wrap(home, tree, tree / "usr/sbin/mosquitto", "")


def _wrap_voice(home: Path, tree: Path) -> str:
    """A wrapper that also tells espeak-ng where its voices lie, unless they were the system's own already."""
    voices = next(iter(tree.glob("usr/lib/*-linux-gnu*/espeak-ng-data")), None)
    variables = "" if voices is None else f'ESPEAK_DATA_PATH="{voices.parent}" '
    wrapper = _wrap(home, tree, tree / "usr/bin/espeak-ng", variables)
    run_command([wrapper, "--version"], at_most_s=30, purpose="Trying the voice")
    return wrapper


def _wrap(home: Path, tree: Path, program: Path, variables: str) -> str:
    if not program.exists():
        raise _incomplete(program.name)
    wrapper = home / "bin" / program.name
    wrapper.parent.mkdir(exist_ok=True)
    libraries = ":".join(str(folder) for folder in _library_folders(tree))
    wrapper.write_text(f'#!/bin/sh\n{variables}LD_LIBRARY_PATH="{libraries}" exec "{program}" "$@"\n')
    wrapper.chmod(0o755)
    return str(wrapper)


def _incomplete(name: str) -> Trouble:
    return Trouble(
        what=f"Debian's packages were unpacked, but {name} is not among them.",
        hint="sudo apt-get install mosquitto libzbar0 espeak-ng, then start again.",
        chinese="系统组件不完整，请运行：sudo apt-get install mosquitto libzbar0 espeak-ng",
    )
