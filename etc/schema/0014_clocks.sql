-- A clock that is set back: what was put off, and what was promised, by the time that it had shown holds by the time that it shows.

CREATE INDEX schedules_latest ON sluice.schedules (greatest(last_run, changed)) WHERE enabled;

-- Told by what has been already and is still to come; and by a job that waits for longer than any is made to (job_queue.h). A lease
-- lasts from now on as long as it did from its holder's last sign of life, and that one, where it lives, renews it. A job that waits
-- may be had. A schedule is due, as after a time without workers, and finds its next run by the clock as it is.
CREATE FUNCTION sluice.clock_set_back() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	at CONSTANT timestamptz := clock_timestamp();
	ahead CONSTANT timestamptz := at + interval '1 minute';
BEGIN
	UPDATE sluice.jobs SET lease_until = at + (lease_until - beat), beat = at
		WHERE id IN (SELECT id FROM sluice.jobs WHERE state = 'running' AND beat > ahead FOR UPDATE SKIP LOCKED);
	UPDATE sluice.jobs SET available = at
		WHERE id IN (SELECT id FROM sluice.jobs WHERE state = 'queued' AND NOT direct AND available > ahead
			ORDER BY available DESC LIMIT 1000 FOR UPDATE SKIP LOCKED);
	UPDATE sluice.schedules SET next_run = least(next_run, at), changed = least(changed, at),
		last_run = CASE WHEN last_run IS NOT NULL THEN least(last_run, at) END
		WHERE id IN (SELECT id FROM sluice.schedules WHERE enabled AND greatest(last_run, changed) > ahead
			ORDER BY greatest(last_run, changed) DESC LIMIT 1000 FOR UPDATE SKIP LOCKED);
END
$$;

-- As in 0005_jobs.sql, by the clock as it is.
CREATE OR REPLACE FUNCTION sluice.job_end_leases(attempts_most int, lost jsonb) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	n bigint;
BEGIN
	PERFORM sluice.clock_set_back();
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
