# SPDX-License-Identifier: Apache-2.0
"""Open what a user named, whatever kinds of source it is."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from board.sources.array import ArraySource, read_array
from board.sources.folder import Folder, list_folder, require_pictures
from board.sources.frame import Source
from board.sources.kind import ARRAY, OTHER, PICTURE, kind_of
from board.sources.pictures import PictureSource, read_picture
from board.sources.selection import Selection
from board.sources.video import VIDEOS, VideoSource

INPUTS = "a picture, a folder of pictures, a video, an .npy or .npz file or a camera such as /dev/video0"


def is_camera(spec: str) -> bool:
    """Whether what a user named is a camera, there or not."""
    return re.fullmatch(r"\d+|/dev/video\d+", spec) is not None and not Path(spec).is_file()


def open_source(
    spec: str, colour: bool = True, start_s: float | None = None, end_s: float | None = None, every: int = 1
) -> Source:
    """Open a picture, a folder of pictures, a video, an .npy or .npz file, or a camera such as /dev/video0 or 0.

    Args:
        spec: What to open; `open_sources` also takes folders of videos.
        colour: Whether pictures are RGB; else they are grey, and no more is decoded than that takes.
        start_s: Time of the first frame of a video or camera, None for the beginning.
        end_s: Time before which they end.
        every: Take frames 0, every, 2 * every and so on.

    Raises:
        ValueError: It is missing, empty or of no known kind, or its frames have no time to select by.
        RuntimeError: A camera does not deliver.
    """
    selection = Selection(start_s, end_s, every)
    path = _path(spec)
    if not path.is_dir():
        return _file_or_camera(spec, colour, selection)
    folder = require_pictures(list_folder(path))
    return _pictures(folder, colour, selection, folder.left_out())


def open_sources(
    specs: Sequence[str],
    *,
    recursive: bool = False,
    colour: bool = True,
    start_s: float | None = None,
    end_s: float | None = None,
    every: int = 1,
) -> list[Source]:
    """Open several inputs; a folder gives its pictures as one source, and each of its videos and arrays as one.

    Faces are followed within a source, and frames count within it. What is named twice is read once. Where names of
    two files are the same, they are called by their whole paths, as they were named.

    Args:
        specs: As `open_source` takes them, and folders of videos.
        recursive: Whether to read the folders in folders too.
        colour: See `open_source`.
        start_s: See `open_source`.
        end_s: See `open_source`.
        every: See `open_source`.

    Raises:
        ValueError: One of them cannot be read. A video that does not open is left out of its folder.
        RuntimeError: A camera does not deliver.
    """
    selection = Selection(start_s, end_s, every)
    sources: list[Source] = []
    seen: set[str] = set()
    pictures: list[Path] = []  # that were named one after the other
    for spec in specs:
        path, real = _path(spec), os.path.realpath(spec)
        if real in seen:
            continue
        seen.add(real)
        if len(specs) > 1 and _is_picture(path):
            pictures.append(path)
            continue
        sources += _named_pictures(pictures, colour, selection)
        pictures = []
        if path.is_dir():
            sources += _all_of(list_folder(path, recursive), colour, selection, seen)
        else:
            sources.append(_file_or_camera(spec, colour, selection))
    sources += _named_pictures(pictures, colour, selection)
    if not sources:
        raise ValueError(f"the input must be {INPUTS}, got none")
    _tell_apart(sources)
    return sources


def _path(spec: str) -> Path:
    """Of what a user named; a shell's unset variable would be the current folder."""
    if not spec:
        raise ValueError(f"the input must be {INPUTS}, got an empty name")
    return Path(spec)


def _is_picture(path: Path) -> bool:
    try:
        return path.is_file() and kind_of(path) == PICTURE
    except OSError:
        return False  # opening it will say why


def _named_pictures(files: Sequence[Path], colour: bool, selection: Selection) -> list[Source]:
    """Pictures that were named one by one, as one source."""
    if not files:
        return []
    _refuse_span(selection, files[0])
    name = files[0].name if len(files) == 1 else f"{len(files)} pictures"
    return [PictureSource(files, name, colour=colour, selection=selection)]


def _file_or_camera(spec: str, colour: bool, selection: Selection) -> Source:
    path = Path(spec)
    if is_camera(spec):
        from board.sources.camera import CameraSource

        return CameraSource(spec, colour=colour, selection=selection)
    if not path.exists():
        raise ValueError(f"the input must be {INPUTS}, got {spec}, which is missing")
    if not path.is_file():
        raise ValueError(f"the input must be {INPUTS}, got {spec}, which is no plain file")
    try:
        kind = kind_of(path)
    except OSError as error:
        raise ValueError(f"the input must be a file that can be read, got {path}: {error.strerror}") from None
    if path.stat().st_size == 0:
        raise ValueError(f"the input must hold data, got the empty file {path}: copy it again")
    if kind == OTHER:
        raise ValueError(
            f"the input must be {INPUTS}, got {path}: copy it again, or convert it; known videos end in"
            f" {', '.join(VIDEOS)}"
        )
    if kind == PICTURE:
        read_picture(path)  # the only one must be readable
        _refuse_span(selection, path)
        return PictureSource([path], path.name, colour=colour, selection=selection)
    return _video_or_array(path, kind, colour, selection)


def _video_or_array(path: Path, kind: str, colour: bool, selection: Selection) -> Source:
    if kind != ARRAY:
        return VideoSource(path, colour=colour, selection=selection)
    _refuse_span(selection, path)
    return ArraySource(read_array(path), path.name, path=path, colour=colour, selection=selection)


def _all_of(folder: Folder, colour: bool, selection: Selection, seen: set[str]) -> list[Source]:
    """All sources of a folder, without those files that were read already, which are noted in `seen`."""
    if not (folder.videos or folder.arrays):
        require_pictures(folder)
    left_out, failed = folder.left_out(videos=True), []
    found: list[Source] = []
    for path in _unseen((*folder.videos, *folder.arrays), seen):
        try:
            found.append(_video_or_array(path, ARRAY if path in folder.arrays else "", colour, selection))
        except ValueError as error:
            failed.append(f"left out of {folder.path}: {error}")
    folder.pictures = _unseen(folder.pictures, seen)
    if folder.pictures:
        found.insert(0, _pictures(folder, colour, selection, ()))
    if failed and not found:
        raise ValueError("; ".join(failed))
    if found:
        found[0].left_out.extend((*left_out, *failed))
    return found


def _unseen(files: Sequence[Path], seen: set[str]) -> list[Path]:
    """Those of some files that were not read already, which are noted in `seen` now."""
    left = []
    for path in files:
        real = os.path.realpath(path)
        if real not in seen:
            seen.add(real)
            left.append(path)
    return left


def _pictures(folder: Folder, colour: bool, selection: Selection, left_out: Sequence[str]) -> PictureSource:
    _refuse_span(selection, folder.path)
    names = [str(path.relative_to(folder.path)) for path in folder.pictures]
    return PictureSource(
        folder.pictures, folder.path.name, names, colour=colour, selection=selection, left_out=left_out
    )


def _refuse_span(selection: Selection, path: Path) -> None:
    if selection.by_time:
        raise ValueError(f"a span of time is for videos and cameras, got one for {path}: pictures have no clock")


def _tell_apart(sources: Sequence[Source]) -> None:
    """Call the files of a source by their paths where one of them has the name of another."""
    files = [source for source in sources if isinstance(source, PictureSource | VideoSource | ArraySource)]
    names = [source.names if isinstance(source, PictureSource) else [source.name] for source in files]
    taken = Counter(name for one in names for name in one)
    for source, own in zip(files, names, strict=True):
        if any(taken[name] > 1 for name in own):
            source.use_paths()
