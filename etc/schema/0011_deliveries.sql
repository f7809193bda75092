-- Deliveries: what the web server sent of the downloads that it was told to send, as its log has it.
--
-- Such a download has a line of the audit whose outcome is 'handed-over'. When the web server's log has been read, there is a
-- second one with the same id, whose action is 'delivered': never two of them, however often a log is read.

CREATE INDEX audit_handed_over ON sluice.audit (id) WHERE outcome = 'handed-over';
CREATE UNIQUE INDEX audit_delivered ON sluice.audit (id) WHERE action = 'delivered';

-- How far each log has been read. Logs are renamed, copied and cut off, and a new file may get the inode of an old one: what
-- a log is known by is the id in its first record.
CREATE TABLE sluice.delivery_logs (
	first uuid PRIMARY KEY,
	read_to bigint NOT NULL CHECK (read_to >= 0), -- bytes from its beginning
	seen timestamptz NOT NULL                     -- when it was last there, to the day
);

COMMENT ON TABLE sluice.delivery_logs IS 'How far the web server''s logs of downloads have been read; written by sluice-sweep';
COMMENT ON COLUMN sluice.delivery_logs.first IS 'The id in the first record of the log';
