// What Apache Arrow's own library reads: for each [path, bytes] on standard input (a JSON array; bytes: only so many from the
// beginning) a line of JSON: what refused it, or the schema, the rows of each batch, and every column's values as text (null:
// NULL) that loses nothing. Where the library knows doubles only, or not the type, they are read from the buffers that it found.
import { readFileSync } from "node:fs";
import { text } from "node:stream/consumers";
import { Type, tableFromIPC } from "apache-arrow";

const bytesOf = (array) => Buffer.from(array.buffer, array.byteOffset, array.byteLength);
const hex = (array) => bytesOf(array).toString("hex");
const int128 = (words) => BigInt.asIntN(128, words.reduceRight((sum, word) => (sum << 32n) | BigInt(word), 0n));
// The library's decoder takes U+FEFF for a byte order mark.
const utf8 = (data, row) => bytesOf(data.values).subarray(...data.valueOffsets.subarray(row, row + 2)).toString();
const monthDayNano = (bytes, row) => {
	const view = new DataView(bytes.buffer, bytes.byteOffset + 16 * row, 16);
	return [view.getInt32(0, true), view.getInt32(4, true), view.getBigInt64(8, true)].join(" ");
};
const bits = (value, bytes) => {
	const view = new DataView(new ArrayBuffer(bytes));
	bytes === 8 ? view.setFloat64(0, value) : view.setFloat32(0, value);
	return hex(new Uint8Array(view.buffer));
};

// A type as [name of its text, how a value of a chunk of data is read].
const readers = {
	[Type.Bool]: () => ["bool", (data, row) => String((data.values[row >> 3] >> (row & 7) & 1) === 1)],
	[Type.Int]: (type) => [`int${type.bitWidth}`, (data, row) => String(data.values[row])],
	[Type.Float]: (type) => [`float${16 << type.precision}`, (data, row) => bits(data.values[row], 2 << type.precision)],
	[Type.Decimal]: (type) => [`decimal${type.bitWidth}(${type.precision},${type.scale})`,
		(data, row) => String(int128(data.values.subarray(4 * row, 4 * row + 4)))],
	[Type.Date]: (type) => [`date${type.unit ? 64 : 32}`, (data, row) => String(data.values[row])],
	[Type.Time]: (type) => [`time${type.bitWidth}[${type.unit}]`, (data, row) => String(data.values[row])],
	[Type.Timestamp]: (type) => [`timestamp[${type.unit}, ${type.timezone}]`, (data, row) => String(data.values[row])],
	[Type.Interval]: (type) => [`interval[${type.unit}]`, (data, row) => monthDayNano(data.values, row)],
	[Type.Utf8]: () => ["utf8", utf8],
	[Type.Binary]: () => ["binary", (data, row, vector) => hex(vector.get(row))],
	[Type.FixedSizeBinary]: (type) => [`fixed[${type.byteWidth}]`, (data, row, vector) => hex(vector.get(row))],
};

const column = (table, field, i) => {
	const [type, read] = readers[field.type.typeId](field.type);
	const values = table.batches.flatMap((batch) => {
		const vector = batch.getChildAt(i), data = vector.data[0];
		return Array.from({ length: batch.numRows }, (_, row) => (vector.isValid(row) ? read(data, row, vector) : null));
	});
	return { name: field.name, type, nullable: field.nullable, metadata: Object.fromEntries(field.metadata), values };
};

for (const [path, bytes] of JSON.parse(await text(process.stdin))) {
	let answer;
	try {
		const table = tableFromIPC(readFileSync(path).subarray(0, bytes ?? undefined));
		answer = { metadata: Object.fromEntries(table.schema.metadata), // None of a file is one of no rows to it.
			batches: table.batches.map((batch) => batch.numRows).filter((rows) => rows),
			rows: table.numRows, columns: table.schema.fields.map((field, i) => column(table, field, i)) };
	} catch (error) {
		answer = { refused: String(error) };
	}
	console.log(JSON.stringify(answer));
}
