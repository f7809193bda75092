-- Answers to queries, kept for a while by all processes together, where no Redis is configured for that. Unlogged: what a
-- crash of the server loses is asked of the data again.

CREATE UNLOGGED TABLE sluice.cache (
	key text PRIMARY KEY CHECK (key ~ '^[0-9a-f]{64}$'), -- hash of all that the answer depends on
	value bytea NOT NULL,         -- the answer, packed by Sluice
	expires timestamptz NOT NULL  -- not given any more from then on, and the row may be deleted
);

-- It is packed already.
ALTER TABLE sluice.cache ALTER COLUMN value SET STORAGE EXTERNAL;

-- For the deletion of what has expired.
CREATE INDEX cache_expires ON sluice.cache (expires);

COMMENT ON TABLE sluice.cache IS 'Answers to queries, for cache.keep; written and read by Sluice, may be emptied at any time';
COMMENT ON COLUMN sluice.cache.key IS 'Hash of all that the answer depends on';
COMMENT ON COLUMN sluice.cache.value IS 'The answer, packed by Sluice';
COMMENT ON COLUMN sluice.cache.expires IS 'Not given any more from then on, and the row may be deleted';
