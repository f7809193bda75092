// The answers of DuckDB, in memory, to the statements on standard input (a JSON array of texts): a line of JSON each,
// rows of values as text.
import { text } from "node:stream/consumers";
import { DuckDBInstance } from "@duckdb/node-api";

const connection = await (await DuckDBInstance.create(":memory:")).connect();
for (const statement of JSON.parse(await text(process.stdin))) {
	const reader = await connection.runAndReadAll(statement);
	const rows = reader.getRows().map((row) => row.map((value) => (value === null ? null : String(value))));
	console.log(JSON.stringify(rows));
}
connection.closeSync();
