#include "tests/unit/users_text.h"

static const char *const first_names[] = { "Ada", "Amelia", "Anders", "Aïcha", "Beatriz", "Bruno",
	"Carlos", "Chloé", "Daniel", "Elena", "Emma", "Fatima", "Felix", "Grace", "Hannah",
	"Hiroshi", "Ingrid", "Isaac", "Jonas", "Julia", "Kenji", "Lena", "Liam", "Lucía", "Maja",
	"Marek", "Mateo", "Mei", "Nadia", "Noah", "Olivia", "Omar", "Priya", "Rafael", "Rosa",
	"Samuel", "Sofia", "Søren", "Tariq", "Thandi", "Tomasz", "Valentina", "Victor", "Wei",
	"Yara", "Yusuf", "Zoë", "Zuzana" };

static const char *const last_names[] = { "Abadi", "Andersson", "Bauer", "Becker", "Carvalho",
	"Chen", "Costa", "Dubois", "Ferrari", "Fischer", "Fernández", "García", "Hansen",
	"Hoffmann", "Ivanov", "Johnson", "Kowalski", "Kumar", "Lee", "Lindqvist", "Martin", "Mbeki",
	"Meyer", "Müller", "Nakamura", "Ndlovu", "Novák", "O'Brien", "Okafor", "Oliveira", "Patel",
	"Petrov", "Rossi", "Santos", "Schneider", "Sharma", "Silva", "Singh", "Smith", "Suzuki",
	"Svensson", "Tanaka", "Taylor", "van Dijk", "Weber", "Williams", "Wright", "Zhang" };

static const char *const countries[] = { "US", "US", "US", "GB", "DE", "DE", "FR", "JP", "BR", "IN",
	"IN", "CA", "AU", "NL", "SE", "ES", "IT", "PL", "MX", "ZA" };

static const char *const tiers[] = { "free", "free", "free", "free", "basic", "basic", "premium",
	"enterprise" };

static const char *const domains[] = { "com", "com", "com", "org", "net" };

#define ONE_OF(words) words[pick(sizeof words / sizeof *words)]

static uint64_t state;

/* xorshift64 (Marsaglia 2003). */
static unsigned pick(unsigned n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned)(state >> 32) % n;
}

static void put_row(struct buf *out, unsigned id)
{
	const char *first = ONE_OF(first_names), *last = ONE_OF(last_names);

	buf_printf(out, "%u,%s %s,%s.%s%u@example.%s,%s,%s,%u.%02u,", id, first, last, first, last,
		id, ONE_OF(domains), ONE_OF(countries), ONE_OF(tiers), pick(9000) * pick(4),
		pick(100));
	buf_printf(out, "20%02u-%02u-%02u,2024-%02u-%02uT%02u:%02u:%02u.%06uZ,%s,%u\n",
		18 + pick(7), 1 + pick(12), 1 + pick(28), 1 + pick(12), 1 + pick(28), pick(24),
		pick(60), pick(60), pick(1000000), pick(5) ? "true" : "false",
		pick(1 + pick(2000)));
}

void users_text(struct buf *out, size_t len)
{
	size_t end = out->len + len;

	state = 88172645463325252;
	for (unsigned id = 1; out->len < end; id++)
		put_row(out, id);
	out->len = end;
}
