/*
 * A peer for the bench: tables as CSV from Node, as such exports are commonly written: pg-query-stream (a cursor,
 * so that memory stays bounded), csv-stringify, one pipeline.
 *
 *	PGHOST=… PGPORT=… PGUSER=… PGDATABASE=… PORT=8081 [PROCESSES=1] node server.mjs
 *
 * GET /{table}.csv is the table with a header line; GET /health answers 200. POST /query answers a page of a query as
 * JSON: the rows of a tenant between two ids, and how many there are; nothing is checked or kept.
 */
import cluster from 'node:cluster';
import { createServer } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { stringify } from 'csv-stringify';
import pg from 'pg';
import QueryStream from 'pg-query-stream';

/* Rows that the cursor fetches at a time: the default of 100 would make the peer slower than it need be. */
const BATCH_ROWS = 1000;

/* Sessions of all processes together: as many as Sluice has workers. */
const SESSIONS = 8;
const processes = Number(process.env.PROCESSES ?? 1);
const pool = new pg.Pool({ max: Math.ceil(SESSIONS / processes) });

async function send(table, response) {
	const client = await pool.connect();
	let failure;

	try {
		const rows = client.query(
			new QueryStream(`SELECT * FROM ${client.escapeIdentifier(table)}`, [], { batchSize: BATCH_ROWS }));

		response.writeHead(200, { 'Content-Type': 'text/csv' });
		await pipeline(rows, stringify({ header: true }), response);
	} catch (error) {
		failure = error;
		response.destroy();
	} finally {
		client.release(failure);
	}
}

async function read(request) {
	const parts = [];

	for await (const part of request)
		parts.push(part);
	return JSON.parse(Buffer.concat(parts).toString());
}

/* The tenant stands where a token would. A statement with a name is parsed once a session. */
async function query(request, response) {
	try {
		const asked = await read(request);
		const tenant = request.headers.authorization.replace('Bearer ', '');
		const [column, from, to] = asked.filter.between;
		const where = `FROM ${pg.escapeIdentifier(asked.from)} WHERE tenant_id = $1 AND ${pg.escapeIdentifier(column)}` +
			' BETWEEN $2 AND $3';
		const { rows } = await pool.query({ name: 'rows',
			text: `SELECT * ${where} ORDER BY ${pg.escapeIdentifier(column)} LIMIT $4`,
			values: [tenant, from, to, asked.page.limit + 1] });
		let total = rows.length;

		if (total > asked.page.limit) {
			const counted = await pool.query({ name: 'count', text: `SELECT count(*) ${where}`,
				values: [tenant, from, to] });

			rows.length = asked.page.limit;
			total = Number(counted.rows[0].count);
		}
		const body = JSON.stringify({ rows, totalRows: total });

		response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) });
		response.end(body);
	} catch (error) {
		response.writeHead(500);
		response.end(String(error));
	}
}

const server = createServer((request, response) => {
	const table = /^\/(\w+)\.csv$/.exec(request.url)?.[1];

	if (table) {
		send(table, response);
	} else if (request.url === '/query' && request.method === 'POST') {
		query(request, response);
	} else {
		response.writeHead(request.url === '/health' ? 200 : 404);
		response.end();
	}
});

if (processes > 1 && cluster.isPrimary) {
	for (let i = 0; i < processes; i++)
		cluster.fork();
} else {
	server.listen(Number(process.env.PORT), '127.0.0.1');
}
process.on('SIGTERM', () => process.exit(0));
