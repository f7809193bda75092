-- The rights that the files of a job were made with: what they hold may be more than the configuration gives by now.

ALTER TABLE sluice.jobs ADD COLUMN rights jsonb;

COMMENT ON COLUMN sluice.jobs.rights IS
	'By key of table, what its owner might see of it when it was run (lib/access/rights_json.h); NULL: not known';
