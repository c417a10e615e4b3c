-- Counts what is talked about: uses of terms from Kafka, to Kafka one record for each minute with the counts of the hour
-- before it. Windows are of the tweets' own time; they end by the log's clock, which each record carries as `now`, in
-- whole minutes. So a window never waits, and what comes late counts in all windows that have not ended yet.
-- Every use is told at least once. Within a window it counts once, and not at all if it was told as gone.
SET 'table.local-time-zone' = 'UTC';
SET 'execution.checkpointing.interval' = '$checkpoint_s s';
SET 'pipeline.name' = '$name';

CREATE TEMPORARY TABLE uses (
  term STRING,
  tweet BIGINT,
  author BIGINT,
  gone INT,
  `at` BIGINT,
  `now` BIGINT,
  written AS TO_TIMESTAMP_LTZ(`at`, 3),
  WATERMARK FOR written AS TO_TIMESTAMP_LTZ(`now`, 3)
) WITH (
  'connector' = 'kafka',
  'topic' = '$terms',
  'properties.bootstrap.servers' = '$servers',
  'properties.group.id' = '$prefix.trend-counting',
  'scan.startup.mode' = 'earliest-offset',
  'scan.watermark.emit.strategy' = 'on-event',
  'format' = 'json'
);

CREATE TEMPORARY TABLE counts (
  minute_until INT,
  terms ARRAY<ROW<term STRING, tweets BIGINT, authors BIGINT>>
) WITH (
  'connector' = 'kafka',
  'topic' = '$counts',
  'properties.bootstrap.servers' = '$servers',
  'properties.max.request.size' = '$record_bytes_max',
  'sink.delivery-guarantee' = 'at-least-once',
  'format' = 'json'
);

-- The empty term is in every window, so that each has a record. The ends of hours make the baselines, for which terms
-- of a single author count as well, and more of them.
INSERT INTO counts
SELECT
  TIMESTAMPDIFF(MINUTE, TIMESTAMP '1970-01-01 00:00:00', window_end),
  ARRAY_AGG(CAST(ROW(term, tweets, authors) AS ROW<term STRING, tweets BIGINT, authors BIGINT>))
    FILTER (WHERE place <= $told_max OR EXTRACT(MINUTE FROM window_end) = 0)
FROM (
  SELECT
    window_start, window_end, term, tweets, authors,
    ROW_NUMBER() OVER (
      PARTITION BY window_start, window_end ORDER BY is_empty DESC, authors DESC, term ASC
    ) AS place
  FROM (
    SELECT
      window_start, window_end, term, IF(term = '', 1, 0) AS is_empty,
      COUNT(*) AS tweets, COUNT(DISTINCT author) AS authors
    FROM (
      SELECT window_start, window_end, term, tweet, author
      FROM TABLE(HOP(TABLE uses, DESCRIPTOR(written), INTERVAL '1' MINUTE, INTERVAL '1' HOUR))
      GROUP BY window_start, window_end, term, tweet, author
      HAVING MAX(gone) = 0
    )
    GROUP BY window_start, window_end, term
    HAVING COUNT(DISTINCT author) >= $authors_min OR term = '' OR EXTRACT(MINUTE FROM window_end) = 0
  )
)
WHERE place <= $terms_max
GROUP BY window_start, window_end;
