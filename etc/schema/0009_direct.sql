-- Direct jobs: run by the request that fetches them, as often as they are fetched until their time is up.

-- As in 0005_jobs.sql, and of a direct job what comes of its being fetched again.
CREATE OR REPLACE FUNCTION sluice.job_moves() RETURNS trigger LANGUAGE plpgsql AS $$
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
				('succeeded', 'expired'))
			AND NOT (NEW.direct AND (OLD.state, NEW.state) IN (('succeeded', 'running'), ('failed', 'running'))) THEN
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

-- Give out the lease of a direct job, unless somebody has it. lost: the problem object of one whose holder was lost. Of
-- several at once one waits for the other at the row, and then finds it running.
CREATE FUNCTION sluice.job_claim_direct(of_id uuid, by_worker text, lease interval, lost jsonb)
	RETURNS SETOF sluice.jobs LANGUAGE plpgsql AS $$
DECLARE
	at timestamptz;
BEGIN
	UPDATE sluice.jobs SET
		state = CASE WHEN cancel_requested THEN 'canceled' ELSE 'failed' END,
		error = CASE WHEN NOT cancel_requested THEN lost END,
		notes = sluice.job_note(notes, format('attempt %s: its worker was lost', attempts))
	WHERE id = of_id AND direct AND state = 'running' AND lease_until <= clock_timestamp();
	at := clock_timestamp();
	RETURN QUERY UPDATE sluice.jobs SET state = 'running', attempts = attempts + 1, fence = fence + 1, worker = by_worker,
		lease_until = at + lease, beat = at, claimed = at, started = coalesce(started, at), rows = 0, bytes = 0, error = NULL
		WHERE id = of_id AND direct AND deleted IS NULL AND expires > at AND state IN ('queued', 'succeeded', 'failed')
		RETURNING *;
END
$$;
