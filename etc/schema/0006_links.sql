-- Links: files of jobs for whoever has the URL (lib/access/link.h signs it).

CREATE TABLE sluice.links (
	id uuid PRIMARY KEY,
	job uuid NOT NULL,
	file int NOT NULL,
	created timestamptz NOT NULL DEFAULT clock_timestamp(),
	created_by text NOT NULL,     -- the subject
	expires timestamptz NOT NULL, -- as signed
	uses_left int CHECK (uses_left >= 0), -- NULL: any number
	address inet,                 -- a client's, or a network; NULL: any
	revoked timestamptz,          -- NULL: it is not
	FOREIGN KEY (job, file) REFERENCES sluice.job_files ON DELETE CASCADE
);
CREATE INDEX links_job ON sluice.links (job, file);

-- Who has used a link whose uses are counted: they may go on with a download that broke off.
CREATE TABLE sluice.link_uses (
	link uuid NOT NULL REFERENCES sluice.links ON DELETE CASCADE,
	address inet NOT NULL,
	PRIMARY KEY (link, address)
);

-- Whether a client may follow a link: 'ok', with the file, or why not. how: 'look' uses nothing up; 'take' is a use;
-- 'continue' is one only for who has not used the link before, else a range behind the first byte would be free. Those at
-- once wait for each other at the link's row. A use is on disk before it is answered, so that a crash gives none back.
CREATE FUNCTION sluice.link_use(of_id uuid, client inet, how text, OUT what text, OUT job uuid, OUT file int,
	OUT created_by text) LANGUAGE plpgsql AS $$
DECLARE
	l sluice.links;
	known boolean;
BEGIN
	SELECT * INTO l FROM sluice.links WHERE id = of_id;
	IF FOUND AND l.uses_left IS NOT NULL AND how <> 'look' THEN
		SELECT * INTO l FROM sluice.links WHERE id = of_id FOR UPDATE;
	END IF;
	what := CASE
		WHEN l.id IS NULL THEN 'gone'
		WHEN l.address IS NOT NULL AND (client <<= l.address) IS NOT TRUE THEN 'elsewhere'
		WHEN l.revoked IS NOT NULL THEN 'revoked'
		WHEN l.expires <= clock_timestamp() THEN 'expired'
		ELSE 'ok' END;
	IF what = 'ok' AND l.uses_left IS NOT NULL THEN
		known := EXISTS (SELECT FROM sluice.link_uses u WHERE u.link = l.id AND u.address = client);
		IF NOT (known AND how IN ('look', 'continue')) THEN
			IF l.uses_left = 0 THEN
				what := 'used';
			ELSIF how <> 'look' THEN
				UPDATE sluice.links SET uses_left = uses_left - 1 WHERE id = l.id;
				INSERT INTO sluice.link_uses SELECT l.id, client WHERE client IS NOT NULL ON CONFLICT DO NOTHING;
				PERFORM set_config('synchronous_commit', 'on', true);
			END IF;
		END IF;
	END IF;
	IF what = 'ok' THEN
		job := l.job;
		file := l.file;
		created_by := l.created_by;
	END IF;
END
$$;

COMMENT ON TABLE sluice.links IS 'Signed links to files of jobs; written and read by Sluice';
COMMENT ON COLUMN sluice.links.uses_left IS 'Downloads that the link is still good for; NULL: any number';
COMMENT ON COLUMN sluice.links.address IS 'The client, or its network, that alone may follow the link; NULL: anybody';
COMMENT ON TABLE sluice.link_uses IS 'Addresses that have used a link whose uses are counted, and may continue a download';
