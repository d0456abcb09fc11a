"""The command ``probes``: the networks to be measured first on a device nobody has seen."""

from __future__ import annotations

import argparse
from pathlib import Path

from anb_gym._errors import integer
from anb_gym._extras import needing
from anb_gym.cli._options import output
from anb_gym.devices import KINDS


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command to the parser."""
    probes = commands.add_parser("probes", help="write or measure the networks that tell most of a new device")
    probes.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="for probes.csv and the networks")
    probes.add_argument("--kind", choices=list(KINDS), default="throughput", help="what is measured")
    probes.add_argument("--add", nargs="+", default=[], metavar="ARCHITECTURE", help="further networks")
    probes.add_argument("--resolution", type=int, default=224, help="side of the images in pixels, by default 224")
    probes.add_argument("--batch", type=int, default=1, help="images at once, by default 1")
    probes.add_argument("--device", help="measure them now on this device of anb-gym collect, such as cpu")
    probes.add_argument("--seconds", type=float, help="how long a repeat is timed (with --device)")
    probes.add_argument("--repeats", type=int, default=2, help="repeats of which the mean counts (with --device)")
    probes.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    from anb_gym.hardware.times import FILE, TimesError, read_rows, write_table

    for name in ("resolution", "batch", "repeats"):
        integer(getattr(options, name), 1, f"--{name}")
    with needing("construction"):
        from anb_gym.construction.collection.devices import make_device
        from anb_gym.construction.probing import measured, probes, write_networks
    path = options.out / FILE
    known = read_rows(path, options.kind) if path.exists() else {}
    architectures = probes([*known, *options.add])
    values = {str(architecture): known.get(str(architecture)) for architecture in architectures}
    with output(options.out):
        files = [file.name for file in write_networks(options.out, architectures, options.resolution, options.batch)]

        def save() -> None:
            rows = zip(values, files, values.values(), strict=True)
            write_table(path, options.kind, list(rows))

        save()
        if options.device is not None:
            settings = {name: getattr(options, name) for name in ("resolution", "batch", "seconds")}
            device = make_device(options.device, options.out / "work", **settings)
            metrics = [name for name in device.metrics if name.endswith(f"/{options.kind}")]
            if not metrics:
                raise TimesError(f"--kind must be what {options.device} measures, {', '.join(device.metrics)}")
            for architecture in architectures:
                if values[str(architecture)] is None:
                    values[str(architecture)] = measured(device, architecture, metrics[0], options.repeats)
                    save()
    missing = sum(value is None for value in values.values())
    print(f"{len(values)} networks in {path}, {len(values) - missing} measured")
    if missing:
        print(f"measure the others' {options.kind} in {KINDS[options.kind][0]}, fill in the last column, then run:")
    print(f"  anb-gym design --probes {path}")
