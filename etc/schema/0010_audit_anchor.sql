-- What is left of audit lines that retention has removed (audit.keep): where the rest of the chain begins.
--
-- Lines go oldest first, so that what stays is a chain that begins behind the newest of those that went. Its hash, without which
-- nobody could tell that chain from one whose beginning was cut off, stays as the anchor; and a line of the chain itself, whose
-- action is `retention`, says the same. So whoever cuts off a beginning must leave such a line, with its time, and whoever
-- changes the anchor alone is found out. (Who may write both tables can do both: 0003_audit.sql says what tells that.)

CREATE TABLE sluice.audit_anchor (
	one boolean PRIMARY KEY DEFAULT true CHECK (one), -- there is one row
	seq bigint NOT NULL,         -- the newest line that is gone, and how many there were; 0: none is
	hash bytea NOT NULL CHECK (octet_length(hash) = 32), -- of that line
	at timestamptz               -- when it was removed; NULL: none was
);
INSERT INTO sluice.audit_anchor (seq, hash) VALUES (0, decode(repeat('00', 32), 'hex'));

-- sluice.audit_prune says, for its transaction, that it is at it. That keeps off accidents, no more: whoever says so may remove
-- no more than audit_removed lets them, and leaves what that leaves.
CREATE OR REPLACE FUNCTION sluice.audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF current_setting('sluice.audit_prune', true) = pg_current_xact_id()::text
		AND (TG_TABLE_NAME, TG_OP) IN (('audit', 'DELETE'), ('audit_anchor', 'UPDATE')) THEN
		RETURN NULL;
	END IF;
	RAISE EXCEPTION 'sluice.% is only added to: % is refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'insufficient_privilege';
END
$$;

CREATE TRIGGER audit_anchor_refuse BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON sluice.audit_anchor
	FOR EACH STATEMENT EXECUTE FUNCTION sluice.audit_refuse();
ALTER TABLE sluice.audit_anchor ENABLE ALWAYS TRIGGER audit_anchor_refuse;

-- Lines have been removed: they must be the oldest there were. Moves the anchor, and adds the line that says so; only from
-- there to the commit do others who add lines wait.
CREATE FUNCTION sluice.audit_removed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
	first bigint;
	last bigint;
	n bigint;
	newest record;
	said text;
	line text[];
	text text;
BEGIN
	SELECT min(seq), max(seq), count(*) INTO first, last, n FROM gone;
	IF n = 0 THEN
		RETURN NULL;
	END IF;
	SELECT hash, at INTO newest FROM gone WHERE seq = last;
	UPDATE sluice.audit_anchor SET seq = last, hash = newest.hash, at = clock_timestamp()
		WHERE seq = first - 1 AND n = last - first + 1 AND EXISTS (SELECT FROM sluice.audit);
	IF NOT FOUND THEN
		RAISE EXCEPTION 'of sluice.audit nothing but the oldest lines can be removed' USING ERRCODE = 'insufficient_privilege';
	END IF;
	said := format('{"first":%s,"through":"%s:%s","until":"%s"}', first, last, encode(newest.hash, 'hex'),
		to_char(newest.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'));
	line := ARRAY[gen_random_uuid()::text, NULL, NULL, 'retention', NULL, NULL, said, NULL, NULL, NULL, '200', 'ok', NULL,
		n::text, '0', '0'];
	SELECT string_agg(coalesce(octet_length(f) || ':' || f, '-'), '' ORDER BY i) INTO text
		FROM unnest(line) WITH ORDINALITY AS fields (f, i);
	PERFORM sluice.audit_append(line[1]::uuid, NULL, NULL, line[4], NULL, NULL, said, NULL, NULL, NULL, 200, line[12], NULL,
		n, 0, 0, text);
	RETURN NULL;
END
$$;
CREATE TRIGGER audit_removed AFTER DELETE ON sluice.audit REFERENCING OLD TABLE AS gone
	FOR EACH STATEMENT WHEN (current_setting('sluice.audit_prune', true) = pg_current_xact_id()::text)
	EXECUTE FUNCTION sluice.audit_removed();
ALTER TABLE sluice.audit ENABLE ALWAYS TRIGGER audit_removed;

-- Remove the oldest lines, as far as they are of days (UTC) that ended longer ago than so: once a day there are some, and not
-- with each run, whose own line would be there to be removed one day. The newest line stays: the next is written behind it. No
-- more than so many; returns how many. To be called in a transaction of its own.
CREATE FUNCTION sluice.audit_prune(keep interval, most int) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	before timestamptz := date_trunc('day', clock_timestamp() - keep, 'UTC');
	last bigint;
	n bigint;
BEGIN
	SELECT least(coalesce(min(seq) FILTER (WHERE at >= before), max(seq) + 1), (SELECT max(seq) FROM sluice.audit)) - 1 INTO last
		FROM (SELECT seq, at FROM sluice.audit ORDER BY seq LIMIT most) oldest;
	PERFORM set_config('sluice.audit_prune', pg_current_xact_id()::text, true);
	DELETE FROM sluice.audit WHERE seq <= last;
	GET DIAGNOSTICS n = ROW_COUNT;
	PERFORM set_config('sluice.audit_prune', '', true);
	RETURN n;
END
$$;

COMMENT ON TABLE sluice.audit_anchor IS 'The newest line of the audit that retention has removed; written by sluice-sweep';
