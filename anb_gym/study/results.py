"""Results of a study: one tidy table of evaluations, with all that made them, in one Parquet file.

Columns, one row per evaluation, sorted by (task, controller, seed, evaluation):

==============  ==================  ============================================================================
``task``        dictionary<string>  name of the task in the study
``controller``  dictionary<string>  name of the controller in the study
``seed``        uint64              seed of the run
``evaluation``  int32               number in the run, from 1
``index``       int64               the architecture, see :meth:`anb_gym.Architecture.from_index`
``fidelity``    dictionary<string>  ``"proxy"`` or ``"reference"``: the scheme under which it was evaluated, where a
                                    task sells both; else null
``told``        float64             scalar reward that the controller was told, with noise if there is any, in unit
                                    scale (random mean 0, optimum 1); null for vector rewards
``reward``      float64             the same without noise; with two fidelities that under the reference scheme
``hours``       float64             simulated GPU-hours of the run so far, see :mod:`anb_gym.problems.cost`
``seconds``     float64             wall seconds of the controller in the run until it proposed the architecture
==============  ==================  ============================================================================

The rest is JSON under the key ``anb_gym`` of the schema's metadata: ``schema``, ``study`` (its name),
``configuration``, ``tasks``, ``runs``, ``failed``, ``skipped`` and ``versions``. ``docs/studies.md`` lists the fields.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from anb_gym._errors import printable, shown
from anb_gym._extras import require
from anb_gym._files import Fields, open_file, parse_json, refusing, write_atomically
from anb_gym.surrogates.store import shipped_checksum

pa, pq = require("pyarrow", "study"), require("pyarrow.parquet", "study")

#: Version of the files. Read are also those of version 2, which has no fidelities, and of version 1, which is the same
#: with seeds as int32; others are refused.
SCHEMA_VERSION: Final = 3
_READABLE: Final = (1, 2, SCHEMA_VERSION)
#: Key of the JSON in the schema's metadata.
KEY: Final = b"anb_gym"
#: The file in a study's folder.
FILE: Final = "results.parquet"

#: The columns.
SCHEMA: Final = pa.schema(
    {
        "task": pa.dictionary(pa.int32(), pa.string()),
        "controller": pa.dictionary(pa.int32(), pa.string()),
        "seed": pa.uint64(),
        "evaluation": pa.int32(),
        "index": pa.int64(),
        "fidelity": pa.dictionary(pa.int32(), pa.string()),
        "told": pa.float64(),
        "reward": pa.float64(),
        "hours": pa.float64(),
        "seconds": pa.float64(),
    }
)
_PLACE: Final = SCHEMA.get_field_index("fidelity")
_SCHEMA_2: Final = SCHEMA.remove(_PLACE)
_SCHEMA_1: Final = _SCHEMA_2.set(_SCHEMA_2.get_field_index("seed"), pa.field("seed", pa.int32()))
#: What the description of a study has, by type.
FIELDS: Final[Mapping[str, type]] = {
    "study": str,
    "configuration": dict,
    "tasks": dict,
    "runs": list,
    "failed": list,
    "skipped": list,
    "versions": dict,
}
#: What the description has of each task, by type.
TASK: Final[Mapping[str, type]] = {
    "id": str,
    "task": str,
    "kind": str,
    "metrics": list,
    "directions": list,
    "arguments": dict,
    "surrogate": str,
    "noise": bool,
}
#: What it has of each run.
RUN: Final[Mapping[str, type]] = {
    "task": str,
    "controller": str,
    "seed": int,
    "evaluations": int,
    "hours": float,
    "controller_seconds": float,
    "benchmark_seconds": float,
    "total_seconds": float,
}
#: Rows that a file may have, and bytes of each and of a group of them, unpacked.
MOST_ROWS: Final = 100_000_000
_ROW: Final = 128
_OVERHEAD: Final = 2**20
#: Bytes that the description may have.
_DESCRIPTION: Final = 2**26


class ResultsError(ValueError):
    """A file is not of results, is damaged, or of another version."""


class Results:
    """The results of a study.

    Args:
        table: The evaluations, a ``pandas.DataFrame`` of the columns above.
        description: All else, as data of JSON.

    Attributes:
        table: As given; ``task`` and ``controller`` are categories.
        description: As given.
    """

    def __init__(self, table: Any, description: Mapping[str, Any]) -> None:
        self.table = table
        self.description = description

    @property
    def name(self) -> str:
        """Name of the study."""
        return str(self.description["study"])

    @property
    def configuration(self) -> dict[str, Any]:
        """Configuration of the study, see :meth:`anb_gym.study.config.StudyConfig.to_dict`."""
        return dict(self.description["configuration"])

    @property
    def tasks(self) -> dict[str, dict[str, Any]]:
        """By name: ``id``, ``task``, ``kind``, ``metrics``, ``directions``, ``arguments``, ``surrogate``, ``noise``."""
        return dict(self.description["tasks"])

    @property
    def runs(self) -> list[dict[str, Any]]:
        """Per finished run its controller, task, seed, evaluations, hours and how its seconds were spent."""
        return list(self.description["runs"])

    @property
    def versions(self) -> dict[str, Any]:
        """Versions of packages, and SHA-256 of the surrogates."""
        return dict(self.description["versions"])

    @classmethod
    def load(cls, path: Path | str) -> Results:
        """Reads a file of results, or that of a study's folder.

        Raises:
            OSError: It cannot be read.
            ResultsError: It is not of results, is damaged, or of another version.
        """
        path = Path(path)
        path = path / FILE if path.is_dir() else path
        description = read_description(path, FIELDS)
        table = read(path)
        fields = Fields(description, path, ResultsError)
        runs = fields.items("runs", dict)
        check_tasks(fields)
        for run in runs:
            check_run(run, f"{path}: a run in its metadata")
        if table.num_rows != sum(run["evaluations"] for run in runs):
            raise ResultsError(f"{path} is damaged: it does not have as many rows as its runs have evaluations")
        return cls(table.to_pandas(), description)

    def save(self, path: Path | str) -> None:
        """Writes a file of results, in one step.

        Raises:
            ResultsError: The table has other columns.
        """
        try:
            table = pa.Table.from_pandas(self.table, schema=SCHEMA, preserve_index=False)
        except (pa.ArrowException, KeyError, ValueError) as error:
            raise ResultsError(f"table must have the columns {', '.join(SCHEMA.names)}: {error}") from None
        write_atomically(Path(path), encode([table], self.description))


def check_tables(results: Results) -> None:
    """Refuses results of other tables than those that are loaded, with which they would be judged.

    Raises:
        ResultsError: Their checksums differ; the message names the surrogate, the metric and both.
    """
    made_with = Fields({"surrogates": {}, **results.versions}, results.name, ResultsError).fields("surrogates")
    check_checksums(made_with, f"results of {results.name}")


def check_checksums(surrogates: Fields, what: str) -> None:
    """Refuses what was made with other tables than those that are loaded.

    Args:
        surrogates: SHA-256 of tables, by surrogate and metric.
        what: What was made with them.

    Raises:
        Exception: Of the class of the fields' errors: a checksum differs; the message names the surrogate, the metric
            and both.
    """
    for surrogate in surrogates.content:
        of_surrogate = surrogates.fields(surrogate)
        for metric in of_surrogate.content:
            theirs, loaded = of_surrogate.get(metric, str), shipped_checksum(surrogate, metric)
            if theirs != loaded:
                raise surrogates.error(
                    f"{what} were made with other tables of {metric!r} by {surrogate!r} than are "
                    f"loaded, with the SHA-256 {shown(theirs)} and not {loaded}: versions must not mix"
                )


def encode(tables: Iterable[Any], description: Mapping[str, Any]) -> bytes:
    """A Parquet file of Arrow tables of :data:`SCHEMA`, one row group each, described by JSON in its metadata."""
    text = json.dumps({"schema": SCHEMA_VERSION, **description})
    schema = SCHEMA.with_metadata({KEY: text.encode()})
    floats = [field.name for field in schema if field.type == pa.float64()]
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(
        sink,
        schema,
        compression="zstd",
        use_dictionary=[field.name for field in schema if field.name not in floats],
        use_byte_stream_split=floats,  # halves cumulative columns once compressed
        write_page_checksum=True,
    ) as writer:
        for table in tables:
            writer.write_table(table.cast(schema))
    return bytes(sink.getvalue())


def read(path: Path) -> Any:
    """Reads a file that :func:`encode` made as an Arrow table.

    Raises:
        FileNotFoundError: There is no such file.
        ResultsError: It cannot be read, is not such a file, or damaged.
    """
    with _parquet(path) as file:
        names = ", ".join(map(printable, file.schema_arrow.names[:20]))
        if any(file.schema_arrow.equals(schema) for schema in (SCHEMA, _SCHEMA_2, _SCHEMA_1)):
            groups = [file.metadata.row_group(i) for i in range(file.metadata.num_row_groups)]
            size = sum(group.total_byte_size for group in groups)
            if file.metadata.num_rows > MOST_ROWS or size > _OVERHEAD * len(groups) + _ROW * file.metadata.num_rows:
                raise ValueError(f"{file.metadata.num_rows:,} rows in {size:,} bytes are more than results can have")
            table = file.read()
            if "fidelity" not in table.column_names:
                table = table.add_column(_PLACE, SCHEMA.field(_PLACE), pa.nulls(len(table), SCHEMA.field(_PLACE).type))
            return table.cast(SCHEMA)
    raise ResultsError(f"{path} must have the columns {', '.join(SCHEMA.names)}, typed so; it has {names}")


def read_description(path: Path, fields: Collection[str]) -> dict[str, Any]:
    """Reads the description of a file that :func:`encode` made, without the table.

    Args:
        path: The file.
        fields: What it must have.

    Raises:
        FileNotFoundError: There is no such file.
        ResultsError: It cannot be read, is not such a file, damaged, or of another version.
    """
    with _parquet(path) as file:
        metadata = file.schema_arrow.metadata or {}
    if KEY not in metadata:
        raise ResultsError(f"{path} is not from a study of anb_gym: its metadata says nothing of one")
    read = Fields(parse_json(metadata[KEY], path, ResultsError, limit=_DESCRIPTION), path, ResultsError)
    read.check_schema(*_READABLE)
    for field in fields:
        read.get(field, FIELDS.get(field, dict))
    return {name: value for name, value in read.content.items() if name != "schema"}


def check_tasks(description: Fields) -> None:
    """Raises an error of the fields if the description of a task lacks a field of its type."""
    tasks = description.fields("tasks")
    for task in map(tasks.fields, tasks.content):
        for field, kind in TASK.items():
            task.get(field, kind)


def check_run(run: Any, where: str) -> None:
    """Raises a :class:`ResultsError` that begins with ``where`` if a run's description lacks a field of its type."""
    fields = Fields(run, where, ResultsError)
    for name, kind in RUN.items():
        fields.get(name, kind)


@contextmanager
def _parquet(path: Path) -> Iterator[Any]:
    with (
        open_file(path, ResultsError, optional=True) as stream,
        refusing(f"{path} is damaged or not a Parquet file", ResultsError),
        pq.ParquetFile(stream, page_checksum_verification=True) as file,
    ):
        yield file
