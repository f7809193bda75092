-- Whether the run before has ended is found without a look at all runs of the schedule.

CREATE INDEX jobs_schedule_runs ON sluice.jobs (schedule) WHERE schedule IS NOT NULL AND state IN ('queued', 'running');
