"""Which files of the source an import has read before, and which need not be read again.

What the ledger knows of a file travels with the file (``FileToRead``). Nobody else decides whether
a file is unchanged.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field

from tandem_store.importer.copies import FileToRead
from tandem_store.importer.session import ImportSession
from tandem_store.importer.source.kinds import SourceFile
from tandem_store.ledger import KnownFile


@dataclass(slots=True)
class KnownFiles:
    """The files of one source as the ledger remembers them.

    ``present`` has the ledger's numbers of the files that the source holds now: those that are
    unchanged, and those that this import has read to the end.
    """

    session: ImportSession
    present: array[int] = field(default_factory=lambda: array("Q"))
    _directory: str | None = None
    _in_directory: dict[str, KnownFile] = field(default_factory=dict)

    def look_up(self, file: SourceFile) -> FileToRead:
        """Return the file with what the ledger knows of it; a new one gets a number of its own."""
        known = self._known(file.path)
        file_id = self.session.next_id("import_files") if known is None else known.id
        return FileToRead.of(file, file_id, known)

    def is_unchanged(self, file: FileToRead) -> bool:
        """Whether the file is settled and neither its size nor its time has changed since."""
        known = file.known
        return (
            known is not None
            and self._is_settled(known)
            and known.root == self.session.root
            and file.is_dated
            and (known.size, known.mtime_ns) == (file.size, file.mtime_ns)
        )

    def has_same_content(self, file: FileToRead, digest: bytes) -> bool:
        """Whether the file is settled and holds the same bytes: only its time or folder differs."""
        known = file.known
        return known is not None and known.digest == digest and self._is_settled(known)

    def resume_after(self, file: FileToRead, digest: bytes) -> int:
        """Return where the last copy starts that this import has read from a file, else -1.

        It is -1 as well if the file has changed since, or was read to its end.
        """
        known = file.known
        if known is None or known.digest != digest or known.complete or not self._is_ours(known):
            return -1
        with self.session.store.read() as tx:
            return tx.ledger.last_ordinal(known.id, known.import_id)

    def note_present(self, file: FileToRead) -> None:
        """Count a file that is unchanged, or was read to its end."""
        self.present.append(file.id)

    def _known(self, path: str) -> KnownFile | None:
        """Return what the ledger knows of a file, None for a new one.

        The files of one directory are asked for together.
        """
        directory, _, name = path.rpartition("/")
        if directory != self._directory:
            with self.session.store.read() as tx:
                self._in_directory = tx.ledger.files_in(directory)
            self._directory = directory
        return self._in_directory.get(name)

    def _is_settled(self, known: KnownFile) -> bool:
        """Whether all of the file was read, by an import that is finished or is this one."""
        return known.complete and (known.finished or self._is_ours(known))

    def _is_ours(self, known: KnownFile) -> bool:
        return self.session.current is not None and known.import_id == self.session.current.id
