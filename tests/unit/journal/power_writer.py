"""The process whose writes are traced: appends, reports each record, and maintains now and then."""

import functools
import os
import sys
from pathlib import Path

from journal_kit import DEVICE, body, code

import journal.file
import journal.store
from journal.schema import connect_writer


def main(path: Path, synchronous: str, records: int) -> None:
    journal.file.connect_writer = functools.partial(connect_writer, synchronous=synchronous)
    store = journal.store.Journal.open(path, DEVICE)
    for number in range(1, records + 1):
        envelope = store.append(body(number), personal="p" * 40, consume=[code(number)], state={"last": str(number)})
        os.write(1, f"{envelope.seq} {envelope.hash}\n".encode())
        if number % 15 == 0:
            store.acknowledge(envelope.epoch, envelope.seq - 5, None)
            store.maintain()
        if number % 40 == 0:
            store.purge_personal(envelope.epoch, envelope.seq - 20)
    os._exit(0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
