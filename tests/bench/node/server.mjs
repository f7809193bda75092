/*
 * A peer for the bench: tables as CSV from Node, as such exports are commonly written: pg-query-stream (a cursor,
 * so that memory stays bounded), csv-stringify, one pipeline.
 *
 *	PGHOST=… PGPORT=… PGUSER=… PGDATABASE=… PORT=8081 node server.mjs
 *
 * GET /{table}.csv is the table with a header line; GET /health answers 200.
 */
import { createServer } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { stringify } from 'csv-stringify';
import pg from 'pg';
import QueryStream from 'pg-query-stream';

/* Rows that the cursor fetches at a time: the default of 100 would make the peer slower than it need be. */
const BATCH_ROWS = 1000;

const pool = new pg.Pool({ max: 8 });

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

const server = createServer((request, response) => {
	const table = /^\/(\w+)\.csv$/.exec(request.url)?.[1];

	if (table) {
		send(table, response);
	} else {
		response.writeHead(request.url === '/health' ? 200 : 404);
		response.end();
	}
});

server.listen(Number(process.env.PORT), '127.0.0.1');
process.on('SIGTERM', () => process.exit(0));
