"""The examples for Vector, Fluent Bit and ClickHouse in config/examples.

Neither program is run here: that the files are YAML, that each option in them is one that the program has (as its
sources say: Vector 0.58, Fluent Bit 5.1), and that they find the journal's files and no others, these tests show.
"""

import re
from fnmatch import fnmatch
from pathlib import Path

import pytest
import yaml

from guard.journal.folder import Segment

EXAMPLES = Path(__file__).parent.parent / "config" / "examples"
VECTOR = sorted((EXAMPLES / "vector").glob("*.yaml"))
FLUENT_BIT = sorted((EXAMPLES / "fluent-bit").glob("*.yaml"))
SQL = (EXAMPLES / "clickhouse" / "journal.sql").read_text()

SINK = "type inputs acknowledgements buffer encoding compression batch"
VECTOR_OPTIONS = {
    "file": "type include exclude file_key ignore_checkpoints read_from ignore_older_secs max_line_bytes host_key"
    " data_dir offset_key glob_minimum_cooldown_ms fingerprint max_read_bytes oldest_first rotate_wait_secs",
    "remap": "type inputs source file drop_on_error drop_on_abort reroute_dropped",
    "kafka": f"{SINK} bootstrap_servers topic key_field headers_key librdkafka_options sasl tls",
    "aws_s3": f"{SINK} bucket region endpoint key_prefix filename_time_format filename_append_uuid framing auth",
    "clickhouse": f"{SINK} endpoint database table format auth skip_unknown_fields date_time_best_effort",
}
OUTPUT = "name match retry_limit workers tls tls.verify host port storage.total_limit_size"
FLUENT_BIT_OPTIONS = {
    "tail": "name tag path exclude_path key read_from_head refresh_interval rotate_wait path_key offset_key"
    " ignore_older buffer_chunk_size buffer_max_size skip_long_lines tag_regex db db.sync db.locking"
    " db.compare_filename storage.type",
    "record_modifier": "name match record",
    "kafka": f"{OUTPUT} brokers topics format message_key message_key_field raw_log_key",
    "s3": f"{OUTPUT} bucket region s3_key_format total_file_size upload_timeout use_put_object compression store_dir"
    " preserve_data_ordering log_key",
    "http": f"{OUTPUT} uri http_user http_passwd format json_date_key compress header",
}


def read(path):
    """A file's document."""
    document = yaml.safe_load(path.read_text())
    assert isinstance(document, dict)
    return document


def found(pattern):
    """Whether a collector's pattern finds the plain file of a segment of this log, and nothing else of it."""
    segment = Segment("w12", 512, Path("/var/lib/guard/journal/w12"))
    others = [segment.path(kind) for kind in (".jsonl.zst", ".manifest", ".tombstone")]
    assert not any(fnmatch(str(other), pattern) for other in others)
    assert not fnmatch("/var/lib/guard/journal/control/0000000000000000.jsonl", pattern)
    return fnmatch(str(segment.path(".jsonl")), pattern)


@pytest.mark.parametrize("path", VECTOR, ids=lambda path: path.stem)
def test_vector_has_these_options(path):
    """Each component is of a kind that there is, with options of that kind, and takes what another gives."""
    document = read(path)
    assert document.keys() <= {"data_dir", "sources", "transforms", "sinks"}
    for part in ("sources", "transforms", "sinks"):
        for component in document.get(part, {}).values():
            assert component.keys() <= set(VECTOR_OPTIONS[component["type"]].split())
            assert set(component.get("inputs", [])) <= {"journal", "records"}


def test_vector_finds_the_records():
    """The source's pattern is that of plain segments, and the transform gets a log's name from its path."""
    document = read(EXAMPLES / "vector" / "source.yaml")
    source = document["sources"]["journal"]
    assert all(map(found, source["include"]))
    assert source["fingerprint"]["strategy"] == "checksum"
    (pattern,) = re.findall(r"r'(.*)'", document["transforms"]["records"]["source"])
    match = re.search(pattern, "/var/lib/guard/journal/w12/0000000000000512.jsonl")
    assert match is not None
    assert match["log"] == "w12"


@pytest.mark.parametrize("path", [path for path in VECTOR if path.stem != "source"], ids=lambda path: path.stem)
def test_vector_loses_nothing_on_its_way(path):
    """A position moves on only once the sink has acknowledged, and what cannot be sent yet waits."""
    (sink,) = read(path)["sinks"].values()
    assert sink["acknowledgements"] == {"enabled": True}
    assert (sink["buffer"]["type"], sink["buffer"]["when_full"]) == ("disk", "block")


@pytest.mark.parametrize("path", FLUENT_BIT, ids=lambda path: path.stem)
def test_fluent_bit_has_these_options(path):
    """Each plugin is one that there is, with its options; what an output does with `rdkafka.` is the library's."""
    document = read(path)
    assert document.keys() <= {"service", "includes", "pipeline"}
    for part in ("inputs", "filters", "outputs"):
        for plugin in document["pipeline"].get(part, []):
            options = {name for name in plugin if not name.startswith("rdkafka.")}
            assert options <= set(FLUENT_BIT_OPTIONS[plugin["name"]].split())


def test_fluent_bit_finds_the_records():
    """The input's pattern is that of plain segments, positions are kept, and the output is one that is there."""
    document = read(EXAMPLES / "fluent-bit" / "fluent-bit.yaml")
    (tail,) = document["pipeline"]["inputs"]
    assert found(tail["path"])
    assert tail["db.compare_filename"] is True
    match = re.search(tail["tag_regex"].replace("?<", "?P<"), "/var/lib/guard/journal/w12/0000000000000512.jsonl")
    assert match is not None
    assert match["log"] == "w12"
    assert all((EXAMPLES / "fluent-bit" / name).exists() for name in document["includes"])


def test_both_fill_the_table():
    """The columns that collectors give are in the table, and what names a record is its order."""
    columns = set(re.findall(r"^    (\w+) ", SQL, re.MULTILINE))
    assert {"host", "file", "record", "log", "seq"} <= columns
    assert "ORDER BY (host, log, seq)" in SQL
    vector = read(EXAMPLES / "vector" / "clickhouse.yaml")["sinks"]["clickhouse"]
    assert set(vector["encoding"]["only_fields"]) == {"host", "file", "record"}
    (http,) = read(EXAMPLES / "fluent-bit" / "clickhouse.yaml")["pipeline"]["outputs"]
    assert "(host,file,record)" in http["uri"]
