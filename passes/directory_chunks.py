"""A directory in chunks, each signed for itself, and the assembler that takes them in any order."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256

from model.identities import CommunityId
from passes import cbor
from passes.directory import MAX_DIRECTORY_BYTES, DirectoryDocument, open_directory
from passes.documents import DocumentKind, open_document, require_in_force
from passes.errors import DocumentFault, DocumentRefused, EncodingInvalid
from passes.keys import KeyList, KeyRole, SigningKey

MAX_CHUNK_BYTES = 64 * 1024
"""Signed, as it travels on the bus."""
MAX_CHUNKS = 65
MAX_UNFINISHED = 4
"""Documents under assembly at a time; a chunk of a still newer version pushes the oldest out."""

_FRAME_BYTES = 256  # header, signature and the chunk's own fields take at most 190
_PIECE_BYTES = MAX_CHUNK_BYTES - _FRAME_BYTES
_DIGEST_LENGTH = 32
_VERSION_LIMIT = 2**32 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkTaken:
    """A chunk was taken. missing: how many its document still lacks. is_known: it had been here before."""

    version: int
    missing: int
    is_known: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkHeld:
    """A chunk of the very document that is held: nothing new, and nothing wrong."""

    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkRefused:
    """A chunk was not taken, or completed a document that was not taken; the held directory stays."""

    fault: DocumentFault
    explanation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryComplete:
    """The last chunk came: a verified directory, newer than the one held before."""

    document: DirectoryDocument


ChunkOutcome = ChunkTaken | ChunkHeld | ChunkRefused | DirectoryComplete


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chunk:
    community: CommunityId
    version: int
    index: int
    count: int
    digest: bytes
    piece: bytes


@dataclass(slots=True, kw_only=True)
class _Unfinished:
    version: int
    count: int
    pieces: dict[int, bytes] = field(default_factory=dict)


def split_directory(encoded: bytes, *, community: CommunityId, version: int, key: SigningKey) -> tuple[bytes, ...]:
    """A signed directory as signed chunks of at most MAX_CHUNK_BYTES. Raises DocumentRefused when it is too large."""
    if len(encoded) > MAX_DIRECTORY_BYTES:
        raise DocumentRefused(DocumentFault.TOO_LARGE, f"{len(encoded)} bytes, at most {MAX_DIRECTORY_BYTES}")
    pieces = [encoded[start : start + _PIECE_BYTES] for start in range(0, len(encoded), _PIECE_BYTES)]
    digest = sha256(encoded).digest()
    kind = DocumentKind.DIRECTORY_CHUNK.value
    return tuple(
        key.sign(cbor.encode([kind, community, version, index, len(pieces), digest, piece]))
        for index, piece in enumerate(pieces)
    )


class DirectoryAssembler:
    """Puts a directory together from chunks that come in any order, doubled, cut or forged. Not thread-safe.

    Only a version newer than the held one is ever taken. `keys` may be replaced when a newer key list arrives.
    """

    def __init__(
        self,
        *,
        keys: KeyList,
        community: CommunityId,
        held: DirectoryDocument | None = None,
        require: Callable[[DirectoryDocument], None] = lambda document: None,
    ) -> None:
        """held: the last good directory. require: raises DocumentRefused for a whole document that is not to be taken;
        the held one then stays.
        """
        self.keys = keys
        self.held_version = held.directory.version if held is not None else 0
        self._held_digest = sha256(held.encoded).digest() if held is not None else b""
        self._require = require
        self._community = community
        self._unfinished: dict[tuple[int, bytes], _Unfinished] = {}

    def offer(self, raw: bytes, now: datetime) -> ChunkOutcome:
        """Take one chunk as it came from the bus; total. now: aware UTC, for the signing key's time."""
        try:
            chunk = self._open(raw, now)
            if chunk.version == self.held_version and chunk.digest == self._held_digest:
                return ChunkHeld(version=chunk.version)
            self._require_newer(chunk)
            return self._take(chunk)
        except DocumentRefused as refusal:
            return ChunkRefused(fault=refusal.fault, explanation=str(refusal))

    def _open(self, raw: bytes, now: datetime) -> _Chunk:
        if len(raw) > MAX_CHUNK_BYTES:
            raise DocumentRefused(DocumentFault.TOO_LARGE, f"a chunk of {len(raw)} bytes, at most {MAX_CHUNK_BYTES}")
        payload, record = open_document(raw, keys=self.keys, role=KeyRole.DIRECTORY)
        require_in_force(record, now)
        try:
            chunk = _read_chunk(payload)
        except EncodingInvalid as error:
            raise DocumentRefused(DocumentFault.MALFORMED, str(error)) from error
        if chunk.community != self._community:
            raise DocumentRefused(DocumentFault.OTHER_COMMUNITY, "a directory of another community")
        return chunk

    def _require_newer(self, chunk: _Chunk) -> None:
        if chunk.version < self.held_version:
            raise DocumentRefused(DocumentFault.NOT_NEWER, f"version {chunk.version}, held is {self.held_version}")
        if chunk.version == self.held_version:
            # A centre restored from a backup gives its numbers again.
            raise DocumentRefused(DocumentFault.VERSION_REUSED, f"another document is held as version {chunk.version}")

    def _take(self, chunk: _Chunk) -> ChunkOutcome:
        unfinished = self._find_or_begin(chunk)
        if unfinished.count != chunk.count:
            raise DocumentRefused(DocumentFault.MALFORMED, "chunks of one document disagree about their number")
        is_known = chunk.index in unfinished.pieces
        unfinished.pieces[chunk.index] = chunk.piece
        missing = unfinished.count - len(unfinished.pieces)
        if missing:
            return ChunkTaken(version=chunk.version, missing=missing, is_known=is_known)
        # Whatever comes of it, it is done: a document that is refused whole would be refused again.
        del self._unfinished[chunk.version, chunk.digest]
        return DirectoryComplete(document=self._finish(unfinished, chunk.digest))

    def _find_or_begin(self, chunk: _Chunk) -> _Unfinished:
        # By digest too: a centre restored from a backup may sign one version twice, and the two must not mix.
        found = self._unfinished.get((chunk.version, chunk.digest))
        if found is not None:
            return found
        if len(self._unfinished) >= MAX_UNFINISHED:
            oldest = min(self._unfinished)
            if chunk.version < oldest[0]:
                raise DocumentRefused(DocumentFault.NOT_NEWER, f"{MAX_UNFINISHED} newer versions are on their way")
            del self._unfinished[oldest]
        begun = _Unfinished(version=chunk.version, count=chunk.count)
        self._unfinished[chunk.version, chunk.digest] = begun
        return begun

    def _finish(self, unfinished: _Unfinished, digest: bytes) -> DirectoryDocument:
        encoded = b"".join(unfinished.pieces[index] for index in range(unfinished.count))
        if sha256(encoded).digest() != digest:
            raise DocumentRefused(DocumentFault.DIGEST_MISMATCH, "the chunks do not make the document they name")
        document = open_directory(encoded, keys=self.keys, community=self._community)
        if document.directory.version != unfinished.version:
            raise DocumentRefused(DocumentFault.MALFORMED, "the document has another version than its chunks")
        self._require(document)
        self.held_version, self._held_digest = unfinished.version, digest
        self._unfinished = {key: value for key, value in self._unfinished.items() if key[0] > self.held_version}
        return document


def _read_chunk(payload: bytes) -> _Chunk:
    kind, community, version, index, count, digest, piece = cbor.as_array(cbor.decode(payload), 7)
    cbor.as_int(kind, DocumentKind.DIRECTORY_CHUNK, DocumentKind.DIRECTORY_CHUNK)
    chunk_count = cbor.as_int(count, 1, MAX_CHUNKS)
    return _Chunk(
        community=CommunityId(cbor.as_text(community)),
        version=cbor.as_int(version, 1, _VERSION_LIMIT),
        index=cbor.as_int(index, 0, chunk_count - 1),
        count=chunk_count,
        digest=cbor.as_bytes(digest, _DIGEST_LENGTH),
        piece=cbor.as_bytes(piece),
    )
