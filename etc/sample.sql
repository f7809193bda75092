-- Sample tables for etc/quickstart, the tests and the benches: users, projects, records. Every value comes from its
-- row number, so that a table of so many rows is the same everywhere.
--
--	psql -v rows=1000000 -f etc/sample.sql
--
-- rows (default 1000000) is the number of users and of records; there are a thousandth as many projects, at least
-- ten. The tables are loaded in ten steps each; after each step a line `users 30` says how many percent are there.

\set QUIET on
\set ON_ERROR_STOP on
\pset tuples_only on
\pset format unaligned
\if :{?rows}
\else
\set rows 1000000
\endif
SET client_min_messages = warning;
SET timezone = 'UTC';

DROP TABLE IF EXISTS records, projects, users;

CREATE TABLE users (
	user_id bigint NOT NULL,
	name text NOT NULL,
	email text NOT NULL,
	country_code char(2) NOT NULL,
	subscription_tier text NOT NULL,
	lifetime_value numeric(12,2) NOT NULL,
	signup_date date NOT NULL,
	last_login timestamptz,
	is_active bool NOT NULL,
	login_count int NOT NULL
);

CREATE TABLE projects (
	project_id int NOT NULL,
	name text NOT NULL,
	owner_id bigint NOT NULL,
	budget numeric,
	created_at timestamptz NOT NULL,
	settings jsonb NOT NULL,
	labels text[] NOT NULL
);

CREATE TABLE records (
	record_id bigint NOT NULL,
	project_id int NOT NULL,
	user_id bigint NOT NULL,
	title text NOT NULL,
	status text NOT NULL,
	amount numeric(14,4),
	created_at timestamptz NOT NULL,
	metadata jsonb NOT NULL
);

-- A number from 0 to n - 1 (n up to two thousand million) that looks thrown, from a row number and a column number.
CREATE FUNCTION pg_temp.pick(i bigint, c int, n bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE AS $$
	SELECT (((i + c * 1000003) * 2654435761 % 2147483647)
		# ((i + c * 1000003) * 2654435761 % 2147483647 >> 13)) * 2246822519 % 2147483647 % n
$$;

-- One of a list of words.
CREATE FUNCTION pg_temp.word(i bigint, c int, words text[]) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
	SELECT words[1 + pg_temp.pick(i, c, cardinality(words))]
$$;

-- A moment between the first one and so many days later, to the microsecond.
CREATE FUNCTION pg_temp.moment(i bigint, c int, first timestamptz, days bigint) RETURNS timestamptz
LANGUAGE sql IMMUTABLE AS $$
	SELECT first + make_interval(secs => pg_temp.pick(i, c, days * 86400) + pg_temp.pick(i, c + 1, 1000000) / 1e6)
$$;

CREATE PROCEDURE pg_temp.load_users(first bigint, last bigint)
LANGUAGE sql AS $$
	INSERT INTO users
	SELECT i, first_name || ' ' || last_name,
		lower(first_name) || '.' || lower(replace(last_name, '''', '')) || i || '@example.' ||
			pg_temp.word(i, 3, '{com,com,com,org,net}'),
		pg_temp.word(i, 4, '{US,US,US,GB,DE,DE,FR,JP,BR,IN,IN,CA,AU,NL,SE,ES,IT,PL,MX,ZA}'),
		pg_temp.word(i, 5, '{free,free,free,free,basic,basic,premium,enterprise}'),
		(pg_temp.pick(i, 6, 900000) * pg_temp.pick(i, 7, 4))::numeric / 100,
		date '2018-01-01' + pg_temp.pick(i, 8, 2500)::int,
		CASE WHEN pg_temp.pick(i, 9, 14) > 0 THEN
			pg_temp.moment(i, 14, '2023-06-01 00:00:00Z', 700)
		END,
		pg_temp.pick(i, 11, 5) > 0,
		pg_temp.pick(i, 12, 1 + pg_temp.pick(i, 13, 2000))
	FROM (
		SELECT i,
			pg_temp.word(i, 1, '{Ada,Amelia,Anders,Aïcha,Beatriz,Bruno,Carlos,Chloé,Daniel,Elena,Emma,
				Fatima,Felix,Grace,Hannah,Hiroshi,Ingrid,Isaac,Jonas,Julia,Kenji,Lena,Liam,Lucía,
				Maja,Marek,Mateo,Mei,Nadia,Noah,Olivia,Omar,Priya,Rafael,Rosa,Samuel,Sofia,Søren,
				Tariq,Thandi,Tomasz,Valentina,Victor,Wei,Yara,Yusuf,Zoë,Zuzana}') AS first_name,
			pg_temp.word(i, 2, '{Abadi,Andersson,Bauer,Becker,Carvalho,Chen,Costa,Dubois,Ferrari,
				Fischer,Fernández,García,Hansen,Hoffmann,Ivanov,Johnson,Kowalski,Kumar,Lee,Lindqvist,
				Martin,Mbeki,Meyer,Müller,Nakamura,Ndlovu,Novák,O''Brien,Okafor,Oliveira,Patel,
				Petrov,Rossi,Santos,Schneider,Sharma,Silva,Singh,Smith,Suzuki,Svensson,Tanaka,
				Taylor,van Dijk,Weber,Williams,Wright,Zhang}') AS last_name
		FROM generate_series(first, last) AS i
	) AS named
$$;

CREATE PROCEDURE pg_temp.load_projects(first bigint, last bigint, rows bigint)
LANGUAGE sql AS $$
	INSERT INTO projects
	SELECT i,
		pg_temp.word(i, 21, '{Atlas,Beacon,Compass,Delta,Ember,Fjord,Granite,Harbour,Iris,Juniper}') || ' ' ||
			pg_temp.word(i, 22, '{analytics,billing,catalogue,exports,ledger,mobile,search,telemetry}') || ' ' || i,
		1 + pg_temp.pick(i, 23, rows),
		CASE WHEN pg_temp.pick(i, 24, 10) > 0 THEN round(pg_temp.pick(i, 25, 500000000) / 1000.0, (i % 4)::int) END,
		pg_temp.moment(i, 34, '2019-03-01 00:00:00Z', 1700),
		jsonb_build_object('theme', pg_temp.word(i, 27, '{light,dark,system}'),
			'notifications', pg_temp.pick(i, 28, 2) = 0,
			'retention_days', 30 * (1 + pg_temp.pick(i, 29, 12)),
			'regions', jsonb_build_array(pg_temp.word(i, 30, '{eu-north,eu-west}'),
				pg_temp.word(i, 31, '{us-east,ap-south}'))),
		ARRAY[pg_temp.word(i, 32, '{internal,customer,partner}'), pg_temp.word(i, 33, '{gold,silver,bronze}')]
	FROM generate_series(first, last) AS i
$$;

CREATE PROCEDURE pg_temp.load_records(first bigint, last bigint, rows bigint, projects bigint)
LANGUAGE sql AS $$
	INSERT INTO records
	SELECT i, 1 + pg_temp.pick(i, 41, projects), 1 + pg_temp.pick(i, 42, rows),
		pg_temp.word(i, 43, '{Invoice,Order,Refund,Payment,Shipment,Return,Quote,Contract}') || ' ' ||
			pg_temp.word(i, 44, '{received,"sent, awaiting reply","marked \"urgent\"",approved,archived}') ||
			' #' || i,
		pg_temp.word(i, 45, '{open,open,active,active,active,closed,failed}'),
		CASE WHEN pg_temp.pick(i, 46, 25) > 0
			THEN (pg_temp.pick(i, 47, 2000000000) - 200000000)::numeric / 10000 END,
		pg_temp.moment(i, 62, '2022-01-01 00:00:00Z', 1200),
		jsonb_build_object(
			'tags', jsonb_build_array(pg_temp.word(i, 49, '{alpha,beta,gamma,delta}'),
				pg_temp.word(i, 50, '{import,manual,api}'), 'batch-' || i / 1000),
			'source', jsonb_build_object(
				'ip', '10.' || pg_temp.pick(i, 51, 256) || '.' || pg_temp.pick(i, 52, 256) || '.' ||
					pg_temp.pick(i, 53, 256),
				'agent', pg_temp.word(i, 54, '{curl/8.5.0,python-requests/2.31,sdk-java/4.2,"Mozilla/5.0 (X11)"}'),
				'score', round(pg_temp.pick(i, 55, 10000) / 10000.0, 4),
				'address', jsonb_build_object(
					'street', 1 + pg_temp.pick(i, 56, 200) || ' ' ||
						pg_temp.word(i, 57, '{Station Road,Rue de la Paix,Hauptstraße,Calle Mayor,Main Street}'),
					'city', pg_temp.word(i, 58, '{Leeds,Lyon,München,Sevilla,Boston,Kraków,大阪}'),
					'zip', (10000 + pg_temp.pick(i, 59, 89999))::text,
					'geo', jsonb_build_object(
						'lat', round(pg_temp.pick(i, 64, 1200000) / 10000.0 - 60, 4),
						'lon', round(pg_temp.pick(i, 65, 3600000) / 10000.0 - 180, 4)),
					'country', pg_temp.word(i, 66, '{GB,FR,DE,ES,US,PL,JP}'))),
			'session', md5('session ' || i),
			'reviewed', pg_temp.pick(i, 60, 3) = 0,
			'note', pg_temp.word(i, 61,
				E'{null,"second line\nof a note","tab\there","path C:\\\\tmp","as agreed on the phone"}'))
	FROM generate_series(first, last) AS i
$$;

-- Ten steps: the step's rows, then the line that tells.
SELECT format('CALL pg_temp.load_users(%s, %s)', :rows * s / 10 + 1, :rows * (s + 1) / 10),
	format('SELECT %L', 'users ' || (s + 1) * 10)
FROM generate_series(0, 9) AS s \gexec

CALL pg_temp.load_projects(1, greatest(:rows / 1000, 10), :rows);

SELECT format('CALL pg_temp.load_records(%s, %s, %s, %s)', :rows * s / 10 + 1, :rows * (s + 1) / 10,
	:rows, greatest(:rows / 1000, 10)), format('SELECT %L', 'records ' || (s + 1) * 10)
FROM generate_series(0, 9) AS s \gexec

-- Keys come last: checking a loaded table is many times quicker than checking each row.
ALTER TABLE users ADD PRIMARY KEY (user_id);
ALTER TABLE projects ADD PRIMARY KEY (project_id), ADD FOREIGN KEY (owner_id) REFERENCES users;
ALTER TABLE records ADD PRIMARY KEY (record_id), ADD FOREIGN KEY (project_id) REFERENCES projects,
	ADD FOREIGN KEY (user_id) REFERENCES users;
VACUUM ANALYZE users, projects, records;
\echo done
