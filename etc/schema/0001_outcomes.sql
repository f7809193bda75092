-- What became of each export, so that whoever holds a file can ask whether it is whole.
--
-- Applied by `sluice migrate`, in a transaction; a file that has been applied is never changed, what is to be
-- changed comes in a file with the next number.

-- The role may be allowed to create in the schema but not to create schemas; then somebody else has made it.
DO $$
BEGIN
	IF to_regnamespace('sluice') IS NULL THEN
		CREATE SCHEMA sluice;
	END IF;
END
$$;

CREATE TABLE sluice.outcomes (
	id uuid PRIMARY KEY,        -- as sent in Sluice-Export-Id
	state text NOT NULL CHECK (state IN ('running', 'succeeded', 'failed')),
	sub text NOT NULL,          -- the principal: who may ask
	route text NOT NULL,        -- the route that served it, without its parameters' values
	table_key text,             -- a key of `tables` in sluice.conf
	format text,                -- as in the API: csv, ndjson
	started timestamptz NOT NULL DEFAULT now(),
	ended timestamptz,          -- NULL while it runs
	rows bigint CHECK (rows >= 0),
	bytes bigint CHECK (bytes >= 0), -- of the body as sent, codings included
	sha256 text CHECK (sha256 ~ '^[0-9a-f]{64}$'), -- of the same bytes, in hexadecimal
	error jsonb,                -- the problem object (RFC 9457) of a failed one
	lock_key bigint,            -- see below
	expires timestamptz NOT NULL, -- the row may be deleted from then on
	CHECK ((state = 'running') = (ended IS NULL))
);

-- lock_key: the session advisory lock, pg_advisory_lock(lock_key), that the serving process holds while the export
-- runs. The server lets go of it when the process dies, however it dies. So whoever reads a 'running' row
-- whose lock nobody holds knows that the export has failed, and nobody has to guess by its age.

-- For the deletion of what has expired.
CREATE INDEX outcomes_expires ON sluice.outcomes (expires);

COMMENT ON TABLE sluice.outcomes IS 'What became of each export; written and read by Sluice';
COMMENT ON COLUMN sluice.outcomes.sub IS 'The principal (sub of the token) who may ask';
COMMENT ON COLUMN sluice.outcomes.table_key IS 'A key of tables in sluice.conf';
COMMENT ON COLUMN sluice.outcomes.bytes IS 'Of the body as sent, codings included';
COMMENT ON COLUMN sluice.outcomes.sha256 IS 'Of the body as sent, in hexadecimal';
COMMENT ON COLUMN sluice.outcomes.error IS 'Problem object (RFC 9457) of a failed export';
COMMENT ON COLUMN sluice.outcomes.lock_key IS
	'Session advisory lock held while the export runs: a running row whose lock nobody holds has failed';
COMMENT ON COLUMN sluice.outcomes.expires IS 'The row may be deleted from then on';
