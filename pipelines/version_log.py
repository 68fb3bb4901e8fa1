"""The log of a dataset's versions: a record of each with what changed against the one before, and its text form."""

import json
from collections.abc import Iterator, Sequence
from itertools import chain, islice, pairwise
from typing import Any

from rich.console import Console, Group
from rich.filesize import decimal
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from model.errors import UserError
from model.words import counted
from pipelines.version_contents import changes
from pipelines.versions import History, Version

COUNTS = {
    "photos": "photo",
    "images": "image",
    "faces": "face",
    "identities": "person",
    "heldout_identities": "held out",
    "pairs": "pair",
}
NAMES = 6  # people named in the text form; JSON has all
WIDTH = 100
Record = dict[str, Any]


def version_log(history: History, limit: int) -> Record:
    """The newest `limit` versions as plain JSON, each with its changes, and whether there are older ones.

    Raises `UserError` where DVC does not track the dataset and never did.
    """
    found = islice(history.versions(), limit + 1)
    records = list(_records(found))
    if not records and not history.tracked():
        raise UserError(
            f"DVC tracks no {history.name} in {history.root}: put it there with `dvc add {history.name}`, or name "
            "another folder with --dataset."
        )
    log: Record = {"dataset": history.name, "versions": records[:limit], "older": len(records) > limit}
    if any(record["state"] == "absent" for record in log["versions"]):
        log["fetch"] = history.fetch
    return log


def _records(versions: Iterator[Version]) -> Iterator[Record]:
    """A record of each version; the contents of two at most are held at a time."""
    return (_record(new, old) for new, old in pairwise(chain(versions, [None])) if new)


def _record(new: Version, old: Version | None) -> Record:
    counts = new.contents and new.contents.counts
    before = old.contents if old else None
    return {
        "revision": new.revision,
        "tags": list(new.tags),
        "date": new.date and new.date.isoformat(),
        "author": new.author,
        "subject": new.subject,
        "md5": new.tracked.md5,
        "size": new.tracked.size,
        "files": new.tracked.files,
        "state": "read" if new.contents else "unreadable" if new.problem else "absent",
        "problem": new.problem,
        "counts": counts,
        "shards": new.contents and len(new.contents.shards),
        "before": old and old.revision,
        "changes": changes(before, new.contents) if before and new.contents else None,
    }


def show_log(log: Record, console: Console) -> None:
    """Print a log for a reader, in at most `WIDTH` columns."""
    if not log["versions"]:
        console.print(f"no version of {log['dataset']} yet: `dvc repro` or `dvc commit` makes one")
        return
    tree = Tree(Text(f"{log['dataset']}, newest version first"), guide_style="dim")
    for record in log["versions"]:
        tree.add(Group(_heading(record), _facts(record, log)))
    console.print(tree, width=min(WIDTH, console.width))
    if log["older"]:
        console.print("There are older versions: show more with --limit.")


def _heading(record: Record) -> Text:
    if record["revision"] is None:
        return Text("working tree", "bold yellow")
    heading = Text(record["revision"][:7], "bold yellow")
    for tag in record["tags"]:
        heading.append(f"  {_plain(tag)}", "bold green")
    day = record["date"].replace("T", " ")[:16]
    return heading.append(f"  {day}  {_plain(record['author'])}", "default not bold")


def _facts(record: Record, log: Record) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for label, text in _lines(record, log):
        table.add_row(label, Text(text))
    return table


def _lines(record: Record, log: Record) -> Iterator[tuple[str, str]]:
    """Label and text of each line about a version."""
    if record["subject"]:
        yield "commit", _plain(record["subject"])
    if record["md5"]:
        yield "md5", f"{record['md5']}  {_size(record)}"
    else:
        yield "md5", f"not in DVC yet: `dvc repro`, `dvc commit` or `dvc add {log['dataset']}` puts it there"
    if record["state"] == "absent":
        yield "data", "not in the local DVC cache; in the repository's root, this fetches what is read here:"
        yield "", log["fetch"]
    elif record["state"] == "unreadable":
        yield "data", f"cannot be read: {record['problem']}"
    else:
        counts = record["counts"]
        yield "holds", ", ".join(counted(counts[name], word) for name, word in COUNTS.items() if name in counts)
        yield from _change_lines(record)


def _size(record: Record) -> str:
    parts = [decimal(record["size"])] if record["size"] is not None else []
    parts += [counted(record["files"], "file")] if record["files"] is not None else []
    return ", ".join(parts)


def _change_lines(record: Record) -> Iterator[tuple[str, str]]:
    changed = record["changes"]
    if changed is None:
        why = f"nothing is known of {record['before'][:7]} before it" if record["before"] else "the first version"
        yield "shards", f"{record['shards']:,}"
        yield "changes", why
        return
    shards, people, photos = changed["shards"], changed["people"], changed["photos"]
    yield "shards", f"{len(shards['new']):,} new, {shards['kept']:,} kept, {len(shards['gone']):,} gone"
    yield "people", _people(people["added"], people["removed"])
    yield "photos", f"+{photos['added']:,}  -{photos['removed']:,}"
    if changed["rejects"]:
        yield "rejects", ", ".join(f"{_plain(reason)} {number:+,}" for reason, number in changed["rejects"].items())
    for name, (before, after) in changed["settings"].items():
        yield "setting", f"{_plain(name)}: {json.dumps(before)} to {json.dumps(after)}"


def _people(added: Sequence[str], removed: Sequence[str]) -> str:
    parts = [f"{sign}{len(names):,} ({_shortened(names)})" for sign, names in (("+", added), ("-", removed)) if names]
    return "  ".join(parts) or "the same"


def _shortened(names: Sequence[str]) -> str:
    shown = ", ".join(map(_plain, names[:NAMES]))
    return f"{shown} and {len(names) - NAMES:,} more" if len(names) > NAMES else shown


def _plain(text: str) -> str:
    """Text without what would move a terminal's cursor or break the line."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
