// What hyparquet, which shares no code with others, reads of a Parquet file: its metadata, its page indexes and its rows. The
// file's path is on standard input.
import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { parquetMetadata, parquetReadObjects, readColumnIndex, readOffsetIndex } from "hyparquet";
import { compressors } from "hyparquet-compressors";

const plain = (_, value) => {
	if (typeof value === "bigint") return String(value);
	if (value instanceof Uint8Array) return Buffer.from(value).toString("latin1");
	return value;
};
const bytes = await readFile((await text(process.stdin)).trim());
const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
const metadata = parquetMetadata(file);
const leaves = metadata.schema.filter((element) => element.type !== undefined);
const indexes = metadata.row_groups.map((group) =>
	group.columns.map((chunk, i) => {
		const at = (offset, length) => ({ view: new DataView(file, Number(offset), length), offset: 0 });
		return {
			column: chunk.column_index_offset === undefined
				? null
				: readColumnIndex(at(chunk.column_index_offset, chunk.column_index_length), leaves[i]),
			offset: readOffsetIndex(at(chunk.offset_index_offset, chunk.offset_index_length)),
		};
	}),
);
const rows = await parquetReadObjects({ file, compressors });
console.log(JSON.stringify({ metadata, indexes, rows }, plain));
