/*
 * What people write for durations, rates and numbers.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cli_priv.h"
#include "convert.h"

#define INTERVAL_MIN_NS 10000000u
#define SECOND 1000000000.0
#define DURATION_MAX (366.0 * 86400) /* seconds */

struct unit {
	const char *name;
	double factor;
};

/* The factor of the unit that a text begins with; *len is its length. */
static double unit_of(const struct unit *units, size_t n, const char *text,
		      size_t *len)
{
	size_t i;

	*len = 0;
	while (isalpha((unsigned char)text[*len]))
		++*len;
	for (i = 0; i < n; i++)
		if (strlen(units[i].name) == *len &&
		    !strncasecmp(units[i].name, text, *len))
			return units[i].factor;
	return 0;
}

/* A plain decimal number: no sign, no exponent, no hexadecimal. */
static const char *decimal(const char *text, double *value)
{
	size_t n = strspn(text, "0123456789.");
	char *end;

	if (!n || !strcmp(text, ".") || n > 32)
		return NULL;
	*value = strtod(text, &end);
	return end == text + n ? end : NULL;
}

int parse_duration(const char *text, uint64_t *ns, struct err *err)
{
	static const struct unit units[] = {
		{"", 1},  {"s", 1},  {"sec", 1}, {"ms", 0.001},
		{"us", 0.000001}, {"m", 60}, {"min", 60},
		{"h", 3600}, {"d", 86400},
	};
	const char *p = text;
	double sum = 0, value, factor;
	size_t len;

	if (!strcasecmp(text, "unlimited")) {
		*ns = 0;
		return 0;
	}
	do {
		p = decimal(p, &value);
		factor = p ? unit_of(units, sizeof(units) / sizeof(*units), p,
				     &len)
			   : 0;
		if (factor == 0)
			return err_set(err, -EINVAL,
				       "'%s' is not a duration; write 30, 30s, "
				       "500ms, 2m or 1h30m",
				       text);
		sum += value * factor;
		p += len;
	} while (*p);
	if (sum * SECOND < 1 || sum > DURATION_MAX)
		return err_set(err, -EINVAL,
			       "a duration of '%s' is out of range; it may be "
			       "1us to 366d",
			       text);
	*ns = (uint64_t)(sum * SECOND + 0.5);
	return 0;
}

int parse_interval(const char *text, uint64_t *ns, struct err *err)
{
	int ret = parse_duration(text, ns, err);

	if (!ret && *ns < INTERVAL_MIN_NS)
		ret = err_set(err, -EINVAL, "'--watch' needs 10ms or more");
	return ret;
}

int parse_rate(const char *text, uint64_t *period_ns, struct err *err)
{
	static const struct unit units[] = {
		{"", 1}, {"hz", 1}, {"k", 1000}, {"khz", 1000}, {"m", 1e6},
		{"mhz", 1e6},
	};
	double value = 0, factor = 0;
	const char *p = decimal(text, &value);
	size_t len;

	if (p)
		factor = unit_of(units, sizeof(units) / sizeof(*units), p,
				 &len);
	if (factor == 0 || p[len])
		return err_set(err, -EINVAL,
			       "'%s' is not a rate; write samples per second, "
			       "such as 100, 1k or 10khz",
			       text);
	value *= factor;
	if (value < 0.001 || value > RATE_MAX)
		return err_set(err, -EINVAL,
			       "a rate of '%s' is out of range; it may be "
			       "0.001 to 10M samples per second",
			       text);
	*period_ns = (uint64_t)(SECOND / value + 0.5);
	return 0;
}

int parse_number(const char *what, const char *text, uint64_t *value,
		 struct err *err)
{
	size_t n = strspn(text, "0123456789");

	if (!n || text[n] || n > 19)
		return err_set(err, -EINVAL, "'%s' is not a %s", text, what);
	*value = strtoull(text, NULL, 10);
	return 0;
}

int parse_share(const char *what, const char *text, double *share,
		struct err *err)
{
	double value = 0;
	const char *end = decimal(text, &value);

	if (!end || (*end && strcmp(end, "%")) || value > 100)
		return err_set(err, -EINVAL,
			       "'%s' is not a %s; write percent, 0 to 100",
			       text, what);
	*share = value / 100;
	return 0;
}

int parse_pid(const char *text, pid_t *pid, struct err *err)
{
	uint64_t v;

	if (parse_number("PID", text, &v, NULL) || !v || v > INT32_MAX)
		return err_set(err, -EINVAL,
			       "'%s' is not a PID; 'pgrep -a python' lists "
			       "those of Python programs",
			       text);
	*pid = (pid_t)v;
	return 0;
}

/* Damerau's distance without the far transpositions, words below 32. */
static unsigned distance(const char *a, const char *b)
{
	unsigned d[33][33], i, j, best;
	size_t n = strlen(a), m = strlen(b);

	if (n > 32 || m > 32)
		return 99;
	for (i = 0; i <= n; i++)
		d[i][0] = i;
	for (j = 0; j <= m; j++)
		d[0][j] = j;
	for (i = 1; i <= n; i++) {
		for (j = 1; j <= m; j++) {
			best = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
			if (d[i - 1][j] + 1 < best)
				best = d[i - 1][j] + 1;
			if (d[i][j - 1] + 1 < best)
				best = d[i][j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1] && d[i - 2][j - 2] + 1 < best)
				best = d[i - 2][j - 2] + 1;
			d[i][j] = best;
		}
	}
	return d[n][m];
}

const char *nearest(const char *word, const char *const *candidates, size_t n)
{
	unsigned best = (unsigned)strlen(word) / 3 + 2, d;
	const char *found = NULL;
	size_t i;

	for (i = 0; i < n; i++) {
		d = distance(word, candidates[i]);
		/* A beginning counts as near: --dur for --duration. */
		if (strlen(word) >= 3 &&
		    !strncmp(word, candidates[i], strlen(word)))
			d = 1;
		if (d < best) {
			best = d;
			found = candidates[i];
		}
	}
	return found;
}

/* ---- words ---- */

const char *mode_word(unsigned i)
{
	i += MODE_DEFAULT + 1; /* that one has no name */
	return i < VIEW_MODES ? mode_name((enum view_mode)i) : NULL;
}

const char *convert_word(unsigned i)
{
	i += CONVERT_DETECT + 1;
	return i < CONVERT_FORMATS
		       ? convert_format_name((enum convert_format)i)
		       : NULL;
}

void list_words(struct str *s, const char *between, option_word *word)
{
	unsigned i;

	for (i = 0; word(i); i++)
		str_addf(s, "%s%s", i ? between : "", word(i));
}
