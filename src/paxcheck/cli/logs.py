"""Options that `validate` and `lint` share."""

from __future__ import annotations

from pathlib import Path

import click

from paxcheck.trace.observe.run import AUTO

form_option = click.option(
    "--from",
    "form",
    default=AUTO,
    show_default=True,
    metavar="FORMAT",
    help="The format of the log: etcd-log, etcd-raft, ceph-mon, pysyncobj, ...",
)

map_option = click.option(
    "--map",
    "map_file",
    metavar="TOML",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Your own format: a map file says which JSON field means what.",
)

clock_option = click.option(
    "--clock-error",
    metavar="SECONDS",
    type=click.FloatRange(min=0),
    help="Trust the time stamps up to this error. Leases are judged only then.",
)
