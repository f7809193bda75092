-- Increments: where the next one of the same rows begins.

ALTER TABLE sluice.jobs ADD COLUMN next_cursor text;

COMMENT ON COLUMN sluice.jobs.next_cursor IS 'The since of the increment behind this one, once the job has succeeded; NULL: it is none';
