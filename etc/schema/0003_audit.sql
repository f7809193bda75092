-- Who took what, when, and what came of it: a line for every request that had a principal or was refused.
--
-- Lines are only ever added. A trigger refuses everything else; but the table's owner and superusers can switch it
-- off, and a line that they change, remove or put in between is found out by the chain of hashes:
--
--	hash = SHA-256(previous || text)
--
-- previous: the hash of the line before, 32 bytes; of the first line 32 bytes of zero.
-- text: these fields in this order, each without anything between them as its length in bytes of UTF-8 (decimal), a
-- colon and those bytes, or as one hyphen where it is NULL:
--
--	seq, at, id, subject, tenant, action, table_key, joined, definition, format, purpose, address, status, outcome,
--	reason, rows, bytes, ms
--
-- Numbers are decimal without leading zeros, the id as PostgreSQL prints a uuid, `at` in whole microseconds since
-- 1970-01-01T00:00:00Z. No two lines have the same text: a length says where a field ends, and a hyphen begins no length.
--
-- `sluice audit verify` computes it all again (lib/job/audit_chain.c). The hash has no key: whoever may write the table
-- can compute the rest of the chain anew, or cut off its end. The newest hash tells that, kept where they cannot reach it.

DO $$
BEGIN
	IF current_setting('server_encoding') <> 'UTF8' THEN
		RAISE EXCEPTION 'the metadata database has the encoding %, and needs UTF8', current_setting('server_encoding')
			USING HINT = 'A text that it cannot hold could not be audited.';
	END IF;
END
$$;

CREATE TABLE sluice.audit (
	seq bigint PRIMARY KEY CHECK (seq > 0), -- 1, 2, 3 …, without gaps
	at timestamptz NOT NULL,     -- when the line was written: after the answer
	id uuid NOT NULL,            -- of the request; Sluice-Export-Id of an export
	subject text,                -- NULL: nobody, or a token that did not hold
	tenant text,
	action text NOT NULL,        -- export, query, schema …
	table_key text,              -- a key of `tables` in sluice.conf
	joined text,                 -- keys of further tables, parted by commas
	definition text,             -- JSON of what was asked; hidden values are "***"
	format text,
	purpose text,                -- as the caller gave it in Sluice-Purpose
	address text,                -- of the client
	status int NOT NULL,         -- HTTP
	outcome text NOT NULL,       -- ok, or what went wrong
	reason text,                 -- what the caller was told
	rows bigint NOT NULL,
	bytes bigint NOT NULL,       -- of the body as sent
	ms bigint NOT NULL,          -- that the request took
	previous bytea NOT NULL CHECK (octet_length(previous) = 32),
	hash bytea NOT NULL CHECK (octet_length(hash) = 32)
);

-- For "since": next to nothing to keep up, since lines come in the order of time.
CREATE INDEX audit_at ON sluice.audit USING brin (at) WITH (autosummarize = on);

CREATE FUNCTION sluice.audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION 'sluice.audit is only added to: % is refused', TG_OP USING ERRCODE = 'insufficient_privilege';
END
$$;

CREATE TRIGGER audit_refuse BEFORE UPDATE OR DELETE OR TRUNCATE ON sluice.audit
	FOR EACH STATEMENT EXECUTE FUNCTION sluice.audit_refuse();
ALTER TABLE sluice.audit ENABLE ALWAYS TRIGGER audit_refuse; -- whatever session_replication_role is

-- Add a line; text: its fields from id on, as above. (The caller makes it: that takes PL/pgSQL three times as long as all
-- the rest.) Only one at a time has the lock, from the reading of the last hash until its line can be read, which is the
-- commit: to be called in a transaction of its own. The keys are "slui", "audi" in ASCII.
CREATE FUNCTION sluice.audit_append(id uuid, subject text, tenant text, action text, table_key text, joined text,
	definition text, format text, purpose text, address text, status int, outcome text, reason text, rows bigint,
	bytes bigint, ms bigint, text text) RETURNS bigint LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
	seq bigint;
	previous bytea;
	at timestamptz;
	us text;
BEGIN
	PERFORM pg_advisory_xact_lock(1936487785, 1635083369);
	SELECT a.seq + 1, a.hash INTO seq, previous FROM sluice.audit a ORDER BY a.seq DESC LIMIT 1;
	IF NOT FOUND THEN
		seq := 1;
		previous := decode(repeat('00', 32), 'hex');
	END IF;
	at := clock_timestamp();
	us := (extract(epoch FROM at) * 1000000)::bigint::text;
	INSERT INTO sluice.audit VALUES (seq, at, id, subject, tenant, action, table_key, joined, definition, format,
		purpose, address, status, outcome, reason, rows, bytes, ms, previous, sha256(previous || convert_to(
			length(seq::text) || ':' || seq || length(us) || ':' || us || text, 'UTF8')));
	RETURN seq;
END
$$;
