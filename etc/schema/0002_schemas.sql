-- The schemas that callers have been given the fingerprints of, so that they can be told later what has changed; and
-- what each export's schema was, and which of its columns did not arrive exactly.

CREATE TABLE sluice.schemas (
	fingerprint text PRIMARY KEY CHECK (fingerprint ~ '^[0-9A-Za-z_-]{24}$'),
	columns jsonb NOT NULL CHECK (jsonb_typeof(columns) = 'array'), -- in order, as in the API
	seen timestamptz NOT NULL     -- when it was last given, to within two days
);

-- For the deletion of what nobody has seen for a year.
CREATE INDEX schemas_seen ON sluice.schemas (seen);

ALTER TABLE sluice.outcomes
	ADD COLUMN schema_fingerprint text, -- NULL while it runs, or where it failed before its schema was known
	ADD COLUMN lossy jsonb CHECK (jsonb_typeof(lossy) = 'array'); -- names of columns

COMMENT ON TABLE sluice.schemas IS 'Schemas of exports, by fingerprint; written and read by Sluice';
COMMENT ON COLUMN sluice.schemas.columns IS 'Names and types in order, as GET /api/v1/tables/{table}/schema shows them';
COMMENT ON COLUMN sluice.schemas.seen IS 'When it was last given to a caller, to within two days';
COMMENT ON COLUMN sluice.outcomes.schema_fingerprint IS 'As sent in Sluice-Schema';
COMMENT ON COLUMN sluice.outcomes.lossy IS 'Names of the columns that the format could not carry exactly';
