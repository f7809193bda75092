// The rows that parquet-wasm (Apache Arrow's own reader, in Rust) finds in a Parquet file, a line of JSON each. The file's path is
// on standard input.
import { readFileSync } from "node:fs";
import { text } from "node:stream/consumers";
import { tableFromIPC } from "apache-arrow";
import { readParquet } from "parquet-wasm/node";

const plain = (value) => {
	if (typeof value === "bigint") return Number(value);
	if (value !== null && typeof value === "object" && Symbol.iterator in value) return [...value].map(plain);
	return value;
};
const table = tableFromIPC(readParquet(readFileSync((await text(process.stdin)).trim())).intoIPCStream());
for (const row of table)
	console.log(JSON.stringify(Object.fromEntries(table.schema.fields.map(({ name }) => [name, plain(row[name])]))));
