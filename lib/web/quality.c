#include "lib/web/quality.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* qvalue = ( "0" [ "." 0*3DIGIT ] ) / ( "1" [ "." 0*3("0") ] ) */
static int parse(const char *p)
{
	int value = 0, unit = QUALITY_MAX / 10;

	if (*p != '0')
		return QUALITY_MAX;
	if (p[1] != '.')
		return 0;
	for (p += 2; isdigit((unsigned char)*p) && unit > 0; p++, unit /= 10)
		value += (*p - '0') * unit;
	return value;
}

/* To the end of a parameter or element: quoted strings may hold the separators. */
static const char *skip_to(const char *p, const char *separators)
{
	for (bool quoted = false; *p; p++) {
		if (*p == '\\' && quoted && p[1])
			p++;
		else if (*p == '"')
			quoted = !quoted;
		else if (!quoted && strchr(separators, *p))
			break;
	}
	return p;
}

const char *quality_next(const char *list, struct quality *out)
{
	const char *p = list + strspn(list, ", \t");

	if (!*p)
		return NULL;
	out->name = p;
	out->len = strcspn(p, ",; \t");
	out->q = QUALITY_MAX;
	p = skip_to(p, ",;");
	while (*p == ';') {
		p++;
		p += strspn(p, " \t");
		if ((*p == 'q' || *p == 'Q') && p[1] == '=')
			out->q = parse(p + 2);
		p = skip_to(p, ",;");
	}
	return p;
}

bool quality_is(const struct quality *element, const char *name)
{
	return element->len == strlen(name) && !strncasecmp(element->name, name, element->len);
}
