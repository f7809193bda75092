-- Turns: whose job is next is found without a look at all that wait.

CREATE INDEX jobs_turn ON sluice.jobs (party, created, id) WHERE state = 'queued' AND NOT direct;
CREATE INDEX jobs_available ON sluice.jobs (available) WHERE state = 'queued' AND NOT direct;
DROP INDEX sluice.jobs_queue;

-- Give out the lease of the job whose turn it is: of the party with the fewest that run, and there the oldest. One at a time has
-- the lock, from the counting to the commit, so that no party gets more than running_most. The keys are "jobs", "turn" in ASCII
-- (the former alone with a hash of a subject: a collision costs a wait). Direct jobs have job_claim_direct.
--
-- Parties are found by leaps, each to the next one in jobs_turn. A job that somebody else has locked is passed over.
DROP FUNCTION sluice.job_claim(text, interval, bigint, int, jsonb, uuid);
CREATE FUNCTION sluice.job_claim(by_worker text, lease interval, running_most bigint, attempts_most int, lost jsonb)
	RETURNS SETOF sluice.jobs LANGUAGE plpgsql AS $$
DECLARE
	at timestamptz;
	turn record;
	chosen uuid;
BEGIN
	PERFORM pg_advisory_xact_lock(1785684595, 1953853038);
	PERFORM sluice.job_end_leases(attempts_most, lost);
	at := clock_timestamp();
	FOR turn IN
		WITH RECURSIVE parties AS (
			(SELECT party FROM sluice.jobs WHERE state = 'queued' AND NOT direct ORDER BY party LIMIT 1)
			UNION ALL
			SELECT behind.party FROM parties p CROSS JOIN LATERAL (SELECT party FROM sluice.jobs
				WHERE state = 'queued' AND NOT direct AND party > p.party ORDER BY party LIMIT 1) behind)
		SELECT p.party FROM parties p
			CROSS JOIN LATERAL (SELECT count(*) AS n FROM sluice.jobs
				WHERE state = 'running' AND NOT direct AND party = p.party) busy
			CROSS JOIN LATERAL (SELECT created, id FROM sluice.jobs
				WHERE state = 'queued' AND NOT direct AND party = p.party AND available <= at AND expires > at
				ORDER BY created, id LIMIT 1) oldest
			WHERE busy.n < running_most ORDER BY busy.n, oldest.created, oldest.id
	LOOP
		SELECT id INTO chosen FROM sluice.jobs
			WHERE state = 'queued' AND NOT direct AND party = turn.party AND available <= at AND expires > at
			ORDER BY created, id LIMIT 1 FOR UPDATE SKIP LOCKED;
		EXIT WHEN FOUND;
	END LOOP;
	at := clock_timestamp();
	RETURN QUERY UPDATE sluice.jobs SET state = 'running', attempts = attempts + 1, fence = fence + 1, worker = by_worker,
		lease_until = at + lease, beat = at, claimed = at, started = coalesce(started, at), rows = 0, bytes = 0, error = NULL
		WHERE id = chosen RETURNING *;
END
$$;
