#include "lib/web/http_date.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lib/base/clock.h"

static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep",
	"Oct", "Nov", "Dec", NULL };
static const char *const days[] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", NULL };
static const char *const long_days[] = { "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday",
	"Friday", "Saturday", NULL };

/* w and W: day of the week, short and long. d: two digits of the day, e: the first may be a space. b: month. y, Y: year of
 * two and of four digits. h, m, s. Anything else stands for itself. */
static const char *const forms[] = { "w, d b Y h:m:s GMT", "W, d-b-y h:m:s GMT", "w b e h:m:s Y" };

void http_date_write(int64_t seconds, char out[HTTP_DATE_TEXT])
{
	time_t t = (time_t)seconds;
	struct tm tm;

	gmtime_r(&t, &tm);
	snprintf(out, HTTP_DATE_TEXT, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[tm.tm_wday],
		tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

static bool read_number(const char **p, int digits, int *value)
{
	*value = 0;
	for (; digits > 0; digits--, ++*p) {
		if (!isdigit((unsigned char)**p))
			return false;
		*value = *value * 10 + (**p - '0');
	}
	return true;
}

static bool read_name(const char **p, const char *const names[], int *which)
{
	for (int i = 0; names[i]; i++)
		if (!strncmp(*p, names[i], strlen(names[i]))) {
			*p += strlen(names[i]);
			*which = i;
			return true;
		}
	return false;
}

/* One that seems more than 50 years ahead was meant to be long ago. */
static int full_year(int two_digits)
{
	time_t now = (time_t)(clock_wall_us() / 1000000);
	struct tm tm;

	gmtime_r(&now, &tm);
	int year = tm.tm_year + 1900;
	int meant = year - year % 100 + two_digits;

	return meant > year + 50 ? meant - 100 : meant;
}

static bool read_part(char what, const char **p, struct tm *tm)
{
	int value;

	switch (what) {
	case 'w': return read_name(p, days, &value);
	case 'W': return read_name(p, long_days, &value);
	case 'b': return read_name(p, months, &tm->tm_mon);
	case 'd': return read_number(p, 2, &tm->tm_mday);
	case 'e':
		if (**p != ' ')
			return read_number(p, 2, &tm->tm_mday);
		++*p;
		return read_number(p, 1, &tm->tm_mday);
	case 'h': return read_number(p, 2, &tm->tm_hour);
	case 'm': return read_number(p, 2, &tm->tm_min);
	case 's': return read_number(p, 2, &tm->tm_sec);
	case 'y':
		if (!read_number(p, 2, &value))
			return false;
		tm->tm_year = full_year(value) - 1900;
		return true;
	case 'Y':
		if (!read_number(p, 4, &value))
			return false;
		tm->tm_year = value - 1900;
		return true;
	default: return *(*p)++ == what;
	}
}

static bool read_form(const char *form, const char *p, struct tm *tm)
{
	for (; *form; form++)
		if (!read_part(*form, &p, tm))
			return false;
	return *p == '\0';
}

/* timegm makes of what does not exist (30 February, 24:00) something that does. */
static bool is_real(const struct tm *tm, int64_t *seconds)
{
	struct tm same = *tm;

	if (same.tm_sec == 60)
		same.tm_sec = 59; /* a leap second */
	time_t t = timegm(&same);

	*seconds = (int64_t)t;
	return same.tm_mday == tm->tm_mday && same.tm_mon == tm->tm_mon &&
	       same.tm_year == tm->tm_year && tm->tm_hour < 24 && tm->tm_min < 60 &&
	       tm->tm_sec <= 60;
}

bool http_date_read(const char *text, int64_t *seconds)
{
	for (size_t i = 0; text && i < sizeof forms / sizeof forms[0]; i++) {
		struct tm tm = { 0 };

		if (read_form(forms[i], text, &tm))
			return is_real(&tm, seconds);
	}
	return false;
}
