-- The table that the Vector and the Fluent Bit examples fill: each record as it stands in the journal, and what is most
-- looked for beside it. A record is named by host, log and seq. One that came twice is one row after a merge; where a
-- file had failed and records were written again, that of the later segment stays. Ask with FINAL to have it so at once.

CREATE DATABASE IF NOT EXISTS guard;

CREATE TABLE IF NOT EXISTS guard.journal
(
    host String,
    file String,
    record String CODEC(ZSTD),
    log LowCardinality(String) DEFAULT extract(file, '/(w[0-9]+|control)/[0-9]{16}\\.jsonl$'),
    segment UInt64 DEFAULT toUInt64OrZero(extract(file, '/([0-9]{16})\\.jsonl$')),
    seq UInt64 DEFAULT JSONExtractUInt(record, 'seq'),
    kind LowCardinality(String) DEFAULT JSONExtractString(record, 'kind'),
    id String DEFAULT JSONExtractString(record, 'id'),
    at DateTime64(3, 'UTC') DEFAULT toDateTime64(JSONExtractFloat(record, 'at'), 3, 'UTC')
)
ENGINE = ReplacingMergeTree(segment)
ORDER BY (host, log, seq);
