-- Schedules: exports that are made again and again.
--
-- Whoever changes a schedule, or makes a run of it, names the revision that it was read at, so that of many workers one makes
-- each run, and none by what was changed meanwhile. When the next run is due is found outside, where time zones are known.

CREATE TABLE sluice.schedules (
	id uuid PRIMARY KEY,
	subject text NOT NULL,        -- whose it is
	tenant text,
	principal jsonb NOT NULL,     -- as of sluice.jobs: whose rights are found anew at each run
	name text NOT NULL,
	cron text NOT NULL,
	time_zone text NOT NULL,
	export jsonb NOT NULL,        -- the request of each run
	increments boolean NOT NULL,
	enabled boolean NOT NULL,
	created timestamptz NOT NULL DEFAULT clock_timestamp(),
	changed timestamptz NOT NULL DEFAULT clock_timestamp(),
	renewed timestamptz NOT NULL DEFAULT clock_timestamp(), -- when principal was kept
	next_run timestamptz NOT NULL,
	revision bigint NOT NULL DEFAULT 1,
	last_run timestamptz,
	last_job uuid,
	cursor text,                  -- next_cursor of the last run that succeeded; NULL: from the start
	cursor_job uuid,              -- the run whose success moves the cursor
	notes jsonb NOT NULL DEFAULT '[]' -- of job_note, the last of them
);
CREATE INDEX schedules_due ON sluice.schedules (next_run) WHERE enabled;
CREATE INDEX schedules_subject ON sluice.schedules (subject, created DESC, id DESC);
CREATE INDEX schedules_created ON sluice.schedules (created DESC, id DESC);

ALTER TABLE sluice.jobs ADD COLUMN schedule uuid; -- which has made it; it may be gone
CREATE INDEX jobs_schedule ON sluice.jobs (schedule, created DESC, id DESC) WHERE schedule IS NOT NULL;

-- What was promised is there after a crash. Workers that wait for a time are told that there may be an earlier one:
-- 'schedule ID' on the channel sluice_jobs.
CREATE FUNCTION sluice.schedule_moves() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('synchronous_commit', 'on', true);
	IF TG_OP = 'INSERT' THEN
		PERFORM pg_notify('sluice_jobs', 'schedule ' || NEW.id);
	ELSE
		NEW.revision := OLD.revision + 1;
		IF NEW.enabled AND (NOT OLD.enabled OR NEW.next_run < OLD.next_run) THEN
			PERFORM pg_notify('sluice_jobs', 'schedule ' || NEW.id);
		END IF;
	END IF;
	RETURN NEW;
END
$$;
CREATE TRIGGER schedule_moved BEFORE INSERT OR UPDATE ON sluice.schedules FOR EACH ROW
	EXECUTE FUNCTION sluice.schedule_moves();

-- notes with one more, of which the last 20 stay.
CREATE FUNCTION sluice.schedule_note(notes jsonb, text text) RETURNS jsonb LANGUAGE sql AS $$
	SELECT CASE WHEN jsonb_array_length(n) > 20 THEN n - 0 ELSE n END FROM sluice.job_note($1, $2) n
$$;

-- Make a schedule unless its subject has `most` already. Requests of one subject go one after the other. The first key of the
-- lock is "sche" in ASCII.
CREATE FUNCTION sluice.schedule_create(new_id uuid, of_subject text, of_tenant text, of_principal jsonb, new_name text,
	new_cron text, new_time_zone text, new_export jsonb, new_increments boolean, new_enabled boolean,
	new_next_run timestamptz, most bigint) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_advisory_xact_lock(1935894629, hashtext(of_subject));
	IF (SELECT count(*) FROM sluice.schedules WHERE subject = of_subject) >= most THEN
		RETURN false;
	END IF;
	INSERT INTO sluice.schedules (id, subject, tenant, principal, name, cron, time_zone, export, increments, enabled,
			next_run)
		VALUES (new_id, of_subject, of_tenant, of_principal, new_name, new_cron, new_time_zone, new_export,
			new_increments, new_enabled, new_next_run);
	RETURN true;
END
$$;

-- Make a run: 'made'; 'busy' while the run before has not ended, 'other' when the schedule is no longer what was read, or
-- somebody is at it. next: when the next one is due, which 'busy' puts off too; NULL: as before, since this one is not due but
-- asked for.
CREATE FUNCTION sluice.schedule_run(of_id uuid, at_revision bigint, new_job uuid, new_request jsonb, keep interval,
	next timestamptz) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	s sluice.schedules;
	at timestamptz;
BEGIN
	SELECT * INTO s FROM sluice.schedules WHERE id = of_id AND revision = at_revision FOR UPDATE SKIP LOCKED;
	IF NOT FOUND THEN
		RETURN 'other';
	END IF;
	at := clock_timestamp();
	IF EXISTS (SELECT FROM sluice.jobs WHERE schedule = of_id
			AND (state = 'running' OR (state = 'queued' AND expires > at))) THEN
		UPDATE sluice.schedules SET next_run = next,
			notes = sluice.schedule_note(notes, 'a run was skipped: the one before it had not ended')
			WHERE id = of_id AND next IS NOT NULL;
		RETURN 'busy';
	END IF;
	INSERT INTO sluice.jobs (id, subject, tenant, principal, request, payload, state, created, available, expires, schedule)
		VALUES (new_job, s.subject, s.tenant, s.principal, new_request,
			sha256(convert_to('schedule ' || new_job, 'UTF8')), 'queued', at, at, at + keep, of_id);
	UPDATE sluice.schedules SET next_run = coalesce(next, next_run), last_run = at, last_job = new_job,
		cursor_job = CASE WHEN increments THEN new_job END WHERE id = of_id;
	RETURN 'made';
END
$$;

-- The next increment begins where a run that has succeeded ends; one that has failed is taken again by the next. That is
-- another revision, since who has read the cursor before would take it twice.
CREATE FUNCTION sluice.schedule_goes_on() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	UPDATE sluice.schedules SET cursor = NEW.next_cursor, cursor_job = NULL WHERE id = NEW.schedule AND cursor_job = NEW.id;
	RETURN NULL;
END
$$;
CREATE TRIGGER job_goes_on AFTER UPDATE ON sluice.jobs FOR EACH ROW
	WHEN (NEW.state = 'succeeded' AND OLD.state <> 'succeeded' AND NEW.schedule IS NOT NULL AND NEW.next_cursor IS NOT NULL)
	EXECUTE FUNCTION sluice.schedule_goes_on();

COMMENT ON TABLE sluice.schedules IS 'Exports that are made again and again; written and read by Sluice';
COMMENT ON COLUMN sluice.schedules.revision IS 'Changes and runs; who makes one names the revision that was read';
COMMENT ON COLUMN sluice.schedules.cursor IS 'Where the next increment begins; NULL: at the start';
COMMENT ON COLUMN sluice.jobs.schedule IS 'The schedule that has made the job';
