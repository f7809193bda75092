// What an EventSource makes of the URL on standard input: a line of JSON for each thing that it tells, until it gives up. It is not
// closed at the event `end`: the server says when there is no more.
import { text } from "node:stream/consumers";
import { EventSource } from "eventsource";

const { url, token } = JSON.parse(await text(process.stdin));
const source = new EventSource(url, {
	fetch: (input, init) => fetch(input, { ...init, headers: { ...init.headers, Authorization: `Bearer ${token}` } }),
});
const say = (what) => console.log(JSON.stringify(what));
for (const type of ["progress", "end", "message"])
	source.addEventListener(type, (event) => say({ type, id: event.lastEventId, job: JSON.parse(event.data) }));
source.addEventListener("open", () => say({ type: "open" }));
source.addEventListener("error", (event) => {
	const closed = source.readyState === EventSource.CLOSED;
	if (closed) say({ type: "error", code: event.code, closed });
});
