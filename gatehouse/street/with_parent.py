"""Become another program that dies with its parent: `python -S -E with_parent.py PARENT_PID PROGRAM ARGUMENT…`.

A street that is killed with -9 must leave nothing behind. The kernel keeps the order (PR_SET_PDEATHSIG) across exec; it
is given here and not in a preexec_fn, which is not safe in a process with threads.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main() -> None:
    """Arrange to be killed with the parent, then exec. Exit code 127 when the program can't be started."""
    parent, program = int(sys.argv[1]), sys.argv[2:]
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(127)  # it died before the order was given
    try:
        os.execv(program[0], program)
    except OSError as error:
        sys.stderr.write(f"{program[0]} could not be started: {error.strerror}\n")
        sys.exit(127)


if __name__ == "__main__":
    main()
