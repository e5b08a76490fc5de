"""Template files: found under `templates/`, read as UTF-8, never from anywhere else."""

from __future__ import annotations

import difflib
from pathlib import Path

from notifier.errors import TemplateError
from notifier.locale import _

#: The layout that wraps a `body.md`: the workspace's own, else the one that travels with us.
MARKDOWN_LAYOUT = "_layouts/markdown.html"
BUILT_IN = Path(__file__).parent / "layouts"
#: Characters of one file; a template is written by hand.
MAX_SOURCE_CHARS = 2_000_000


class Sources:
    """The files of one workspace's `templates/` folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / "templates"
        self._resolved = self.folder.resolve()
        #: Every file that was read, for the digest.
        self.texts: dict[str, str] = {}

    def find(self, name: str, *, origin: str = "") -> str | None:
        """The name under `templates/` that `name` means in the file `origin`; None if not there.

        Looked up from `templates/` first, then beside `origin`.
        """
        for candidate in (name, f"{origin.rpartition('/')[0]}/{name}" if "/" in origin else name):
            if self._path(candidate, origin) is not None:
                return candidate
        return None

    def read(self, name: str, *, origin: str = "") -> str:
        """The text of a file. Raises TemplateError where it is outside, missing or not text."""
        if name in self.texts:
            return self.texts[name]
        path = self._path(name, origin)
        if path is None:
            raise self.missing(name, origin=origin)
        self.texts[name] = text = _read(path, f"templates/{name}")
        return text

    def missing(self, name: str, *, origin: str = "", line: int = 0) -> TemplateError:
        """The error for a file that is not there, with the nearest that is."""
        near = difflib.get_close_matches(name, self._names(), n=1, cutoff=0.5)
        hint = (
            _("Did you mean `{name}`?").format(name=near[0])
            if near
            else _("Put the file into the folder templates/, or correct the name.")
        )
        message = _("There is no template file `{name}`.").format(name=name)
        return TemplateError(message, where=place(origin or name, line), next_step=hint)

    def _names(self) -> list[str]:
        files = sorted(path for path in self.folder.rglob("*") if path.is_file())
        return [path.relative_to(self.folder).as_posix() for path in files[:2000]]

    def _path(self, name: str, origin: str) -> Path | None:
        if name.startswith(("/", "\\")) or "\\" in name or ".." in name.split("/") or "\0" in name:
            raise self._outside(name, origin)
        path = (self.folder / name).resolve()
        if _is_file(path):
            if not path.is_relative_to(self._resolved):
                raise self._outside(name, origin)
            return path
        return BUILT_IN / "markdown.html" if name == MARKDOWN_LAYOUT else None

    def _outside(self, name: str, origin: str) -> TemplateError:
        return TemplateError(
            _("`{name}` is outside the folder templates/.").format(name=name),
            where=place(origin or name),
            next_step=_("Copy the file into templates/ and name it from there."),
        )


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that no file can have
        return False


def place(name: str, line: int = 0) -> str:
    """`templates/grades/body.html, line 7`."""
    path = f"templates/{name}" if name else ""
    return _("{file}, line {line}").format(file=path, line=line) if line else path


def _read(path: Path, shown: str) -> str:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise TemplateError(
            _("The file is not UTF-8 text (byte {position}).").format(position=exc.start),
            where=shown,
            next_step=_("Save it again with the encoding UTF-8."),
        ) from exc
    except OSError as exc:
        raise TemplateError(
            _("The file can't be read: {reason}.").format(reason=exc.strerror),
            where=shown,
            next_step=_("Check the file's permissions."),
        ) from exc
    if len(text) > MAX_SOURCE_CHARS:
        raise TemplateError(
            _("The file is longer than {count} characters.").format(count=MAX_SOURCE_CHARS),
            where=shown,
            next_step=_("A template is a text with names in it; attach long documents instead."),
        )
    return text.replace("\r\n", "\n").replace("\r", "\n")
