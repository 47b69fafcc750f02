"""The last good directory on a gate's disk; verified again at each start."""

import os
from pathlib import Path

from model.identities import CommunityId
from passes.directory import MAX_DIRECTORY_BYTES, DirectoryDocument, open_directory
from passes.keys import KeyList


def save_last_good(document: DirectoryDocument, path: Path) -> None:
    """Replace the file in one step: after a power cut there is the old directory or the new one, whole.

    Blocks for two fsyncs: call it from a thread. Raises OSError.
    """
    fresh = path.with_name(path.name + ".new")
    with fresh.open("wb") as file:
        file.write(document.encoded)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def load_last_good(path: Path, *, keys: KeyList, community: CommunityId) -> DirectoryDocument | None:
    """The saved directory, verified; None when none was ever saved.

    Raises DocumentRefused when the file is damaged or not signed by a directory key of the list (delete it, the centre
    sends the directory again), OSError when it can't be read.
    """
    try:
        with path.open("rb") as file:
            encoded = file.read(MAX_DIRECTORY_BYTES + 1)
    except FileNotFoundError:
        return None
    return open_directory(encoded, keys=keys, community=community)
