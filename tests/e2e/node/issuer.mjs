// An issuer of tokens: oidc-provider over TLS on 127.0.0.1, for the client credentials grant.
//
//	node issuer.mjs PORT PEM     PEM: the server's key and certificate
//
// Says {"ready": ISSUER} when it serves. Then each line of standard input is a command, each line of standard output its
// answer, and the end of input is its own end:
//
//	{"do": "publish", "kid": …, "alg": "RS256" or "ES256"}   a new key in the key set
//	{"do": "sign", "kid": …}                                 what tokens are signed with from now on
//	{"do": "withdraw", "kid": …}                             a key leaves the key set
//	{"do": "slow", "ms": …}                                  how long /jwks waits before it answers
//	{"do": "asked"}                                          requests so far: {PATH: N}

import { generateKeyPairSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import { createInterface } from "node:readline";
import Provider from "oidc-provider";

console.info = console.warn = console.error; // its notices; standard output is for answers

const [port, pem] = process.argv.slice(2);
const issuer = `https://127.0.0.1:${port}`;
const keys = new Map();
const asked = {};
let signing, callback, slow = 0;

const claims = {
	analyst: { roles: ["exporter"], tenant_id: "north" },
	scoped: {},
};

// An algorithm that no key serves is refused at once, also where nobody asks for identity tokens.
const makeClients = () => Object.keys(claims).map((client_id) => ({
	client_id,
	client_secret: `secret-of-${client_id}`,
	grant_types: ["client_credentials"],
	redirect_uris: [],
	response_types: [],
	id_token_signed_response_alg: keys.get(signing).alg,
}));

// A provider's keys are fixed when it is made.
function renew() {
	callback = new Provider(issuer, {
		clients: makeClients(),
		jwks: { keys: [...keys.values()].map((jwk) => ({ ...jwk })) },
		features: {
			devInteractions: { enabled: false },
			clientCredentials: { enabled: true },
			resourceIndicators: {
				enabled: true,
				defaultResource: () => "urn:sluice",
				getResourceServerInfo: () => ({
					audience: "sluice-test",
					scope: "sluice.view sluice.export",
					accessTokenFormat: "jwt",
					accessTokenTTL: 300,
					jwt: { sign: { alg: keys.get(signing).alg, kid: signing } },
				}),
			},
		},
		extraTokenClaims: (_, token) => ({
			nbf: Math.floor(Date.now() / 1000),
			...claims[token.clientId],
		}),
	}).callback();
}

function makeKey(kid, alg) {
	const { privateKey } = alg === "RS256"
		? generateKeyPairSync("rsa", { modulusLength: 2048 })
		: generateKeyPairSync("ec", { namedCurve: "P-256" });
	return { ...privateKey.export({ format: "jwk" }), kid, alg, use: "sig" };
}

const commands = {
	publish: ({ kid, alg }) => void keys.set(kid, makeKey(kid, alg)),
	sign: ({ kid }) => void (signing = kid),
	withdraw: ({ kid }) => void keys.delete(kid),
	slow: ({ ms }) => void (slow = ms),
	asked: () => asked,
};

function obey(line) {
	const command = JSON.parse(line);
	const answer = commands[command.do](command);
	if (command.do !== "asked")
		renew();
	console.log(JSON.stringify(answer ?? {}));
}

commands.publish({ kid: "first", alg: "RS256" });
commands.sign({ kid: "first" });
renew();

const tls = { key: readFileSync(pem), cert: readFileSync(pem) };
createServer(tls, (request, response) => {
	asked[request.url] = (asked[request.url] ?? 0) + 1;
	setTimeout(() => callback(request, response), request.url === "/jwks" ? slow : 0);
}).listen(port, "127.0.0.1", () => console.log(JSON.stringify({ ready: issuer })));

createInterface({ input: process.stdin }).on("line", obey).on("close", () => process.exit(0));
