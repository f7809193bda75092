#include "lib/web/purpose.h"

#include <string.h>

enum { PURPOSE_MAX = 200 /* characters */ };

/* C0 and DEL, and C1 (U+0080 to U+009F): what Unicode has as general category Cc. */
static bool is_control(const unsigned char *s)
{
	return *s < ' ' || *s == 0x7f || (*s == 0xc2 && s[1] < 0xa0);
}

static const char *trim(struct arena *a, const char *text)
{
	text += strspn(text, " \t");
	size_t len = strlen(text);

	while (len > 0 && (text[len - 1] == ' ' || text[len - 1] == '\t'))
		len--;
	return arena_strndup(a, text, len);
}

int purpose_read(struct request *rq, struct err *e)
{
	const char *sent = request_env(rq, "HTTP_SLUICE_PURPOSE");
	const char *text = trim(&rq->arena, sent ? sent : "");
	size_t characters = 0;

	if (!utf8_valid(text, strlen(text)))
		return err_set(e, ERR_BAD_REQUEST, "Sluice-Purpose must be UTF-8");
	for (const unsigned char *s = (const unsigned char *)text; *s; s++) {
		if (is_control(s))
			return err_set(e, ERR_BAD_REQUEST,
				"Sluice-Purpose must hold no control characters");
		characters += (*s & 0xc0) != 0x80;
	}
	if (characters > PURPOSE_MAX)
		return err_set(e, ERR_BAD_REQUEST,
			"Sluice-Purpose must have no more than %d characters", PURPOSE_MAX);
	rq->audit.purpose = *text ? text : NULL;
	return 0;
}
