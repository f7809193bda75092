-- Exports as jobs: what was asked, how far it is, its parts and its files.
--
-- A job is run by whoever holds its lease. `fence` counts the leases that were given out, and every change that a holder
-- makes names the fence it was given and needs a lease that has not passed, so that one who has slept past it changes
-- nothing any more.

CREATE TABLE sluice.jobs (
	id uuid PRIMARY KEY,
	subject text NOT NULL,        -- whose it is
	tenant text,
	party text NOT NULL           -- who waits their turn together: a tenant, or a subject of none
		GENERATED ALWAYS AS (CASE WHEN tenant IS NULL THEN 's' || subject ELSE 't' || tenant END) STORED,
	principal jsonb NOT NULL,     -- {"subject","issuer","claims"}: whose rights are found anew at each attempt
	request jsonb NOT NULL,       -- {"queryDefinition","format","compression","level","options","fileName","parallel"}
	payload bytea NOT NULL CHECK (octet_length(payload) = 32), -- SHA-256 of the request and the rights it was made with
	idempotency_key text CHECK (octet_length(idempotency_key) BETWEEN 1 AND 255),
	direct boolean NOT NULL DEFAULT false, -- run by the request that fetches it, never by a worker
	state text NOT NULL CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'canceled', 'expired')),
	created timestamptz NOT NULL DEFAULT clock_timestamp(),
	available timestamptz NOT NULL DEFAULT now(), -- not tried before
	started timestamptz,          -- the first attempt
	claimed timestamptz,          -- the last attempt
	ended timestamptz,
	expires timestamptz NOT NULL, -- its files are purged from then on
	attempts int NOT NULL DEFAULT 0,
	fence bigint NOT NULL DEFAULT 0,
	worker text,                  -- HOST:PID of the holder
	lease_until timestamptz,
	beat timestamptz,             -- when the holder last told how far it is
	cancel_requested boolean NOT NULL DEFAULT false,
	rows bigint NOT NULL DEFAULT 0 CHECK (rows >= 0),
	bytes bigint NOT NULL DEFAULT 0 CHECK (bytes >= 0),
	estimated_rows bigint CHECK (estimated_rows >= 0), -- NULL: not known
	error jsonb,                  -- a problem object (RFC 9457)
	notes jsonb NOT NULL DEFAULT '[]', -- what happened on the way: [{"at","text"}]
	snapshot text,                -- of pg_export_snapshot, that all parts are read under
	schema_fingerprint text,
	lossy jsonb CHECK (jsonb_typeof(lossy) = 'array'), -- names of columns
	deleted timestamptz,          -- its owner has removed it: not shown any more, purged later
	CHECK ((state = 'running') = (lease_until IS NOT NULL)),
	CHECK ((state IN ('queued', 'running')) = (ended IS NULL))
) WITH (fillfactor = 80); -- a heartbeat changes no index, and finds room beside the row

-- A key is free again once what it made is gone.
CREATE UNIQUE INDEX jobs_idempotency ON sluice.jobs (subject, idempotency_key)
	WHERE idempotency_key IS NOT NULL AND deleted IS NULL AND state <> 'expired';
CREATE INDEX jobs_queue ON sluice.jobs (created) WHERE state = 'queued';
CREATE INDEX jobs_running ON sluice.jobs (party) WHERE state = 'running';
CREATE INDEX jobs_subject ON sluice.jobs (subject, created DESC, id DESC);
CREATE INDEX jobs_created ON sluice.jobs (created DESC, id DESC);
CREATE INDEX jobs_expires ON sluice.jobs (expires);

CREATE TABLE sluice.job_parts (
	job uuid NOT NULL REFERENCES sluice.jobs ON DELETE CASCADE,
	n int NOT NULL CHECK (n > 0), -- in the order of the key
	first text,                   -- the range of the key: from here; NULL: there is none
	last text,                    -- to here
	rows bigint NOT NULL CHECK (rows >= 0),
	bytes bigint NOT NULL CHECK (bytes >= 0),
	sha256 text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
	fence bigint NOT NULL,        -- of the lease it was made under
	PRIMARY KEY (job, n)
);

CREATE TABLE sluice.job_files (
	job uuid NOT NULL REFERENCES sluice.jobs ON DELETE CASCADE,
	n int NOT NULL CHECK (n > 0),
	name text NOT NULL,           -- as downloaded
	path text NOT NULL,           -- below stage.dir
	media text NOT NULL,
	bytes bigint NOT NULL CHECK (bytes >= 0),
	sha256 text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
	PRIMARY KEY (job, n)
);

-- The one function that every change of state goes through, whoever makes it. It checks that the change is one, keeps what
-- must change with it, and tells who listens: 'queued ID', 'running ID' …, 'cancel ID' on the channel sluice_jobs.
--
-- Such a change waits for the disk, whatever the session has for synchronous_commit: a job that was promised is there after
-- a crash, and a fence that was given out is never given out again.
CREATE FUNCTION sluice.job_moves() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF TG_OP = 'INSERT' THEN
		PERFORM set_config('synchronous_commit', 'on', true);
		PERFORM pg_notify('sluice_jobs', NEW.state || ' ' || NEW.id);
		RETURN NEW;
	END IF;
	IF NEW.fence < OLD.fence OR NEW.id <> OLD.id THEN
		RAISE EXCEPTION 'the fence and the id of job % cannot be taken back', OLD.id USING ERRCODE = 'check_violation';
	END IF;
	IF NEW.state <> OLD.state THEN
		IF (OLD.state, NEW.state) NOT IN (
				('queued', 'running'), ('queued', 'canceled'), ('queued', 'expired'),
				('running', 'queued'), ('running', 'succeeded'), ('running', 'failed'), ('running', 'canceled'),
				('succeeded', 'expired')) THEN
			RAISE EXCEPTION 'job % is %, and cannot become %', OLD.id, OLD.state, NEW.state
				USING ERRCODE = 'check_violation';
		END IF;
		IF NEW.state = 'running' AND NEW.fence <> OLD.fence + 1 THEN
			RAISE EXCEPTION 'job % is given out without a fence of its own', OLD.id USING ERRCODE = 'check_violation';
		END IF;
		IF NEW.state <> 'running' THEN
			NEW.lease_until := NULL;
			NEW.worker := NULL;
		END IF;
		NEW.ended := CASE WHEN NEW.state NOT IN ('queued', 'running') THEN coalesce(OLD.ended, clock_timestamp()) END;
		PERFORM pg_notify('sluice_jobs', NEW.state || ' ' || NEW.id);
	ELSIF NEW.cancel_requested AND NOT OLD.cancel_requested THEN
		PERFORM pg_notify('sluice_jobs', 'cancel ' || NEW.id);
	END IF;
	PERFORM set_config('synchronous_commit', 'on', true);
	RETURN NEW;
END
$$;
CREATE TRIGGER job_made BEFORE INSERT ON sluice.jobs FOR EACH ROW EXECUTE FUNCTION sluice.job_moves();
CREATE TRIGGER job_moved BEFORE UPDATE ON sluice.jobs FOR EACH ROW
	WHEN (OLD.state <> NEW.state OR OLD.fence <> NEW.fence OR OLD.id <> NEW.id
		OR OLD.cancel_requested <> NEW.cancel_requested OR OLD.deleted IS DISTINCT FROM NEW.deleted)
	EXECUTE FUNCTION sluice.job_moves();

-- notes with one more.
CREATE FUNCTION sluice.job_note(notes jsonb, text text) RETURNS jsonb LANGUAGE sql AS $$
	SELECT $1 || jsonb_build_object('at', to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
		'text', $2)
$$;

-- Make a job, or find the one that was made before: 'made', 'found' with its id; 'other' when the key was used for another
-- payload, 'busy' when a request of the same subject does not come to an end. Requests of one subject go one after the other,
-- so that of many at once one makes the job and the others find it. The first key of the lock is "jobs" in ASCII.
CREATE FUNCTION sluice.job_create(new_id uuid, of_subject text, of_tenant text, of_principal jsonb, of_request jsonb,
	of_payload bytea, key text, is_direct boolean, estimate bigint, keep interval, same_within interval,
	OUT what text, OUT job uuid) LANGUAGE plpgsql AS $$
DECLARE
	at timestamptz;
	same boolean;
BEGIN
	BEGIN
		PERFORM set_config('lock_timeout', '3s', true);
		PERFORM pg_advisory_xact_lock(1785684595, hashtext(of_subject));
	EXCEPTION WHEN lock_not_available THEN
		what := 'busy';
		RETURN;
	END;
	at := clock_timestamp();
	IF key IS NOT NULL THEN
		SELECT id, payload = of_payload INTO job, same FROM sluice.jobs
			WHERE subject = of_subject AND idempotency_key = key AND deleted IS NULL AND state <> 'expired';
	ELSE
		SELECT id, true INTO job, same FROM sluice.jobs
			WHERE subject = of_subject AND created > at - same_within AND payload = of_payload AND direct = is_direct
				AND deleted IS NULL AND state IN ('queued', 'running', 'succeeded')
				AND NOT cancel_requested AND expires > at
			ORDER BY created DESC, id DESC LIMIT 1;
	END IF;
	IF job IS NOT NULL THEN
		what := CASE WHEN same THEN 'found' ELSE 'other' END;
		RETURN;
	END IF;
	INSERT INTO sluice.jobs (id, subject, tenant, principal, request, payload, idempotency_key, direct, state, created,
			available, estimated_rows, expires)
		VALUES (new_id, of_subject, of_tenant, of_principal, of_request, of_payload, key, is_direct, 'queued', at,
			at, estimate, at + keep);
	what := 'made';
	job := new_id;
END
$$;

-- End the leases that have passed: the job is tried again, unless that was its last attempt, its owner has canceled it, or
-- nobody would come for it. lost: the problem object of those that failed. Returns how many there were.
CREATE FUNCTION sluice.job_end_leases(attempts_most int, lost jsonb) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	n bigint;
BEGIN
	UPDATE sluice.jobs SET
		state = CASE WHEN cancel_requested THEN 'canceled' WHEN direct OR attempts >= attempts_most THEN 'failed'
			ELSE 'queued' END,
		error = CASE WHEN NOT cancel_requested AND (direct OR attempts >= attempts_most) THEN lost END,
		available = clock_timestamp(),
		notes = sluice.job_note(notes, format('attempt %s: its worker was lost', attempts))
	WHERE id IN (SELECT id FROM sluice.jobs WHERE state = 'running' AND lease_until <= clock_timestamp()
		FOR UPDATE SKIP LOCKED);
	GET DIAGNOSTICS n = ROW_COUNT;
	RETURN n;
END
$$;

-- Give out the lease of a job: of that one, which is direct, or the one whose turn it is: of the party with the fewest that
-- run, and there the oldest. One at a time has the lock, from the counting to the commit, so that no party gets more than
-- running_most. The keys are "jobs", "turn" in ASCII (the former alone with a hash of a subject: a collision costs a wait).
CREATE FUNCTION sluice.job_claim(by_worker text, lease interval, running_most bigint, attempts_most int, lost jsonb,
	only_id uuid) RETURNS SETOF sluice.jobs LANGUAGE plpgsql AS $$
DECLARE
	at timestamptz;
	chosen uuid;
BEGIN
	IF only_id IS NOT NULL THEN
		SELECT id INTO chosen FROM sluice.jobs
			WHERE id = only_id AND state = 'queued' AND direct AND deleted IS NULL FOR UPDATE SKIP LOCKED;
	ELSE
		PERFORM pg_advisory_xact_lock(1785684595, 1953853038);
		PERFORM sluice.job_end_leases(attempts_most, lost);
		WITH busy AS (
			SELECT party, count(*) AS n FROM sluice.jobs WHERE state = 'running' AND NOT direct GROUP BY party)
		SELECT j.id INTO chosen FROM sluice.jobs j LEFT JOIN busy USING (party)
			WHERE j.state = 'queued' AND NOT j.direct AND j.available <= clock_timestamp()
				AND j.expires > clock_timestamp() AND coalesce(busy.n, 0) < running_most
			ORDER BY coalesce(busy.n, 0), j.created, j.id LIMIT 1 FOR UPDATE OF j SKIP LOCKED;
	END IF;
	at := clock_timestamp();
	RETURN QUERY UPDATE sluice.jobs SET state = 'running', attempts = attempts + 1, fence = fence + 1, worker = by_worker,
		lease_until = at + lease, beat = at, claimed = at, started = coalesce(started, at), rows = 0, bytes = 0, error = NULL
		WHERE id = chosen RETURNING *;
END
$$;

COMMENT ON TABLE sluice.jobs IS 'Exports as jobs; written and read by Sluice';
COMMENT ON COLUMN sluice.jobs.party IS 'Who waits their turn together: a tenant, or a subject of none';
COMMENT ON COLUMN sluice.jobs.payload IS 'SHA-256 of the request and the rights it was made with';
COMMENT ON COLUMN sluice.jobs.fence IS 'Leases given out; a holder names the one it was given';
COMMENT ON COLUMN sluice.jobs.expires IS 'Its files are purged from then on';
COMMENT ON TABLE sluice.job_parts IS 'Parts of a job, each committed when its file was safe on disk';
COMMENT ON TABLE sluice.job_files IS 'Files of a job that has succeeded';
