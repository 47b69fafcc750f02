# -*- coding: utf-8 -*-
"""First thing that runs. Written so that any Python 3, and Python 2.7, can read it and say what is wrong.

Usage: start.py run|test|prepare [arguments]. Exit code 3: the machine could not be set up; 130: Ctrl-C.
"""

import os
import sys

NEEDED = (3, 11)
CANDIDATES = ("python3.14", "python3.13", "python3.12", "python3.11")


def main():
    # type: () -> int
    found = tuple(sys.version_info[:2])
    if found < NEEDED:
        _start_with_a_newer_one()
        _say(
            "Python %d.%d or newer is needed; %s is %d.%d.\n"
            % (NEEDED[0], NEEDED[1], sys.executable, found[0], found[1])
            + "What to do: use Debian 12, Raspberry Pi OS Bookworm or newer, or install a newer one beside it;\n"
            + "it is found on PATH by its name, such as python3.11.\n"
            + "需要 Python %d.%d 或更新的版本，这台机器上的是 %d.%d，请升级系统或安装新版本。\n" % (NEEDED + found)
        )
        return 3
    if sys.flags.no_site:
        import site

        site.main()
    # The folder of this file would shadow modules of the standard library; the checkout takes its place.
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    from bootstrap.prepare import main as prepare

    return prepare(sys.argv[1:])


def _start_with_a_newer_one():
    # type: () -> None
    for name in CANDIDATES:
        for folder in os.environ.get("PATH", "").split(os.pathsep):
            path = os.path.join(folder, name)
            if os.access(path, os.X_OK):
                os.execv(path, [path] + sys.argv)


def _say(words):
    # type: (str) -> None
    # Bytes, because an old Python in the C locale cannot encode Chinese.
    os.write(2, words if isinstance(words, bytes) else words.encode("utf-8"))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        _say("\nStopped. 已停止。\n")
        sys.exit(130)
