"""Tells systemd that the terminal serves and lives (sd_notify(3)); without systemd it does nothing."""

import os
import socket


def tell(state: str) -> None:
    """Send READY=1, WATCHDOG=1 or STOPPING=1. Never blocks and never fails: a gate does not depend on being watched."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as notified:
            notified.sendto(state.encode(), address)
    except OSError:
        return
