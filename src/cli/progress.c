/*
 * One line on the terminal, drawn again and again.
 */
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli_priv.h"

unsigned terminal_columns(int fd)
{
	struct winsize size;

	if (ioctl(fd, TIOCGWINSZ, &size) || !size.ws_col)
		return 80;
	return size.ws_col;
}

static void add_seconds(struct str *s, uint64_t ns)
{
	uint64_t tenths = ns / 100000000u;

	if (tenths < 6000)
		str_addf(s, "%llu.%llu s", (unsigned long long)(tenths / 10),
			 (unsigned long long)(tenths % 10));
	else
		str_addf(s, "%llu:%02llu min",
			 (unsigned long long)(tenths / 600),
			 (unsigned long long)(tenths / 10 % 60));
}

void progress_draw(const struct progress *p,
		   const struct sampler_status *status)
{
	struct target_counts counts;
	struct str s;
	unsigned i, width;

	if (!p->shown)
		return;
	target_counts(p->target, &counts);
	counts.samples += p->past->samples;
	for (i = 0; i < LOSS_CAUSES; i++)
		counts.lost[i] += p->past->lost[i];
	str_init(&s);
	add_seconds(&s, p->before_ns + status->elapsed_ns);
	if (p->duration_ns) {
		str_adds(&s, " of ");
		add_seconds(&s, p->duration_ns);
	}
	str_addf(&s, "   %llu samples   %.1f %% of the rate   ",
		 (unsigned long long)counts.samples,
		 status->due ? 100.0 * (double)status->taken /
				       (double)status->due
			     : 100.0);
	add_losses(&s, counts.lost);
	width = terminal_columns(STDERR_FILENO) - 1;
	fprintf(stderr, "\r%.*s\033[K", (int)width, s.data);
	fflush(stderr);
	str_release(&s);
}

void progress_clear(const struct progress *p)
{
	if (!p->shown)
		return;
	fputs("\r\033[K", stderr);
	fflush(stderr);
}
