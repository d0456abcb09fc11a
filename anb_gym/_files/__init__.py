"""Files: the one place that reads what others may have written, and that writes.

Readers take a path and the class of error that their caller documents. Whatever is wrong with the file (it is missing,
a folder, a pipe or a device, too large, not text, damaged, nested too deeply, holds integers of more than 64 bits)
becomes that error, in one line that begins with the file's name. Sizes are compared with what is allowed before memory
is spent on them. Nothing is unpickled.

:class:`Fields` then gives the values of a JSON object by name and type. What a caller works out from what was read goes
into ``with refusing(path, error)``, so that nothing else escapes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from anb_gym._files.locking import InUseError, locked
from anb_gym._files.objects import Fields, parse_json, read_json, read_object
from anb_gym._files.reading import open_file, read_bytes, read_text, refusing
from anb_gym._files.writing import create, remove_temporaries, user_folder, write_atomically, writing_into
from anb_gym._lazy import submodules

if TYPE_CHECKING:
    from anb_gym._files.archives import parse_archive, read_archive
    from anb_gym._files.arrays import check_zip, pack_arrays, parse_arrays, read_arrays, take_array
    from anb_gym._files.yaml_files import compose_yaml, read_yaml

__all__ = [
    "Fields",
    "InUseError",
    "check_zip",
    "compose_yaml",
    "create",
    "locked",
    "open_file",
    "pack_arrays",
    "parse_archive",
    "parse_arrays",
    "parse_json",
    "read_archive",
    "read_arrays",
    "read_bytes",
    "read_json",
    "read_object",
    "read_text",
    "read_yaml",
    "refusing",
    "remove_temporaries",
    "take_array",
    "user_folder",
    "write_atomically",
    "writing_into",
]

# Kinds of files that the package's import does not read.
__getattr__, __dir__ = submodules(
    __name__,
    names={
        "archives": ("parse_archive", "read_archive"),
        "arrays": ("check_zip", "pack_arrays", "parse_arrays", "read_arrays", "take_array"),
        "yaml_files": ("compose_yaml", "read_yaml"),
    },
)
