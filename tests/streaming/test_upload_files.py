"""Promises of files on their way here: one writer, a size that is true, a digest that is right."""

import hashlib
import os
from contextlib import closing
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from domain.errors import ChecksumMismatch
from streaming.checksums import Checksum
from streaming.upload_files import PartialFile, RunningHashes, UploadFiles

ONE = UUID(int=1)


@pytest.fixture
def files(tmp_path: Path) -> UploadFiles:
    """A folder with one empty file."""
    files = UploadFiles(tmp_path / "uploads")
    files.make()
    files.create(ONE)
    return files


def opened(files: UploadFiles, hashes: RunningHashes | None = None) -> PartialFile:
    """Its file, by a process that knows of these digests."""
    partial = PartialFile(files.file(ONE), hashes or files.hashes)
    partial.open()
    return partial


def write(files: UploadFiles, data: bytes, hashes: RunningHashes | None = None) -> str:
    """Write further bytes; the digest of all."""
    with closing(opened(files, hashes)) as partial:
        partial.append([data[:3], data[3:]])
        partial.commit()
        return partial.sha256()


def test_folder_and_files_are_for_our_user_alone(files: UploadFiles) -> None:
    """They are the data of customers."""
    assert files.path.stat().st_mode & 0o777 == 0o700
    assert files.file(ONE).stat().st_mode & 0o777 == 0o600


def test_size_is_that_of_the_file(files: UploadFiles) -> None:
    """A file that is not there has none."""
    write(files, b"0123456789")
    assert files.kept_size(ONE) == 10
    with pytest.raises(FileNotFoundError):
        files.kept_size(UUID(int=2))


def test_there_is_one_writer_at_a_time(files: UploadFiles) -> None:
    """The next one can come when it has closed."""
    with closing(opened(files)), pytest.raises(BlockingIOError):
        opened(files)
    opened(files).close()


def test_file_that_is_removed_has_no_writers(files: UploadFiles) -> None:
    """None comes, and what one that was there writes is nowhere."""
    with closing(opened(files)) as partial:
        files.remove(ONE)
        files.remove(ONE)
        partial.append([b"lost"])
    with pytest.raises(FileNotFoundError):
        opened(files)
    assert not list(files.path.iterdir())


def test_digest_goes_on_with_what_this_process_has_seen(files: UploadFiles) -> None:
    """So that the end of a large file needs no second look at it."""
    write(files, b"first ")
    with closing(opened(files)) as partial:
        files.file(ONE).write_bytes(b"FIRST ")
        partial.append([b"second"])
        assert partial.sha256() == hashlib.sha256(b"first second").hexdigest()


def test_digest_is_made_of_the_file_when_others_wrote_to_it(files: UploadFiles) -> None:
    """Another process, or this one before it was started again."""
    write(files, b"first ")
    write(files, b"second ", RunningHashes())
    assert write(files, b"third") == hashlib.sha256(b"first second third").hexdigest()


def test_digests_of_many_files_take_bounded_room(files: UploadFiles) -> None:
    """One that was forgotten is made again of the file."""
    hashes = RunningHashes()
    write(files, b"first ", hashes)
    for number in range(1000):
        hashes.keep(str(number), 1, hashlib.sha256())
    assert hashes.take(ONE.hex, 6) is None
    assert write(files, b"second", hashes) == hashlib.sha256(b"first second").hexdigest()


def test_what_was_written_can_be_taken_back(files: UploadFiles) -> None:
    """Down to the bytes that somebody was told of, and their digest."""
    write(files, b"first ")
    with closing(opened(files)) as partial:
        partial.append([b"wrong"])
        partial.restore()
        assert partial.size == partial.start == files.kept_size(ONE) == 6
    assert write(files, b"second") == hashlib.sha256(b"first second").hexdigest()


def test_bytes_under_a_checksum_come_in_when_they_are_right(files: UploadFiles) -> None:
    """Until then nothing of them is in the file or beside it, so a kill leaves nothing."""
    write(files, b"first ")
    with closing(opened(files)) as partial:
        checksum = Checksum("sha1", hashlib.sha1(b"second", usedforsecurity=False).digest())
        for last, size in ((b"X", 6), (b"d", 12)):
            with closing(partial.aside(checksum)) as aside:
                aside.append([b"secon"])
                aside.append([last])
                assert files.kept_size(ONE) == 6
                assert os.listdir(files.path) == [ONE.hex]  # noqa: PTH208  # all there is
                if last == b"X":
                    with pytest.raises(ChecksumMismatch, match="sha1 of Upload-Checksum"):
                        aside.commit()
                else:
                    aside.commit()
            assert files.kept_size(ONE) == partial.size == size
        assert partial.sha256() == hashlib.sha256(b"first second").hexdigest()


def test_old_files_are_found_by_their_ids(files: UploadFiles) -> None:
    """Those nobody has written to for so long; what is not ours is left alone."""
    young = uuid4()
    files.create(young)
    (files.path / "notes.txt").touch()
    for path in (files.file(ONE), files.path / "notes.txt"):
        os.utime(path, (0, 0))
    assert files.older_than(60) == [ONE]
    assert set(files.older_than(-60)) == {ONE, young}
