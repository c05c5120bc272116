/*
 * The words for losses and states, and what they mean.
 */
#include <string.h>

#include "profile.h"

static const struct {
	const char *name, *about;
} losses[LOSS_CAUSES] = {
	[LOSS_NONE] = {"none", "nothing was lost"},
	[LOSS_MOVING] = {"moving", "the stack moved while it was being read"},
	[LOSS_READ] = {"read", "an address was not mapped"},
	[LOSS_SHAPE] = {"shape", "the frames do not fit together"},
	[LOSS_CODE] = {"code", "a frame's code object cannot be one"},
	[LOSS_ROOT] = {"root", "the walk did not end at the thread's root"},
	[LOSS_DEPTH] = {"depth", "the stack is deeper than the limit"},
	[LOSS_THREADS] = {"threads",
			  "the list of threads changed while it was read"},
	[LOSS_LATE] = {"late", "a tick was due and could not be taken"},
	[LOSS_BUDGET] = {"budget",
			 "the stack moved, and the pause budget was spent"},
};

const char *loss_name(enum loss cause)
{
	return (unsigned)cause < LOSS_CAUSES ? losses[cause].name : "unknown";
}

const char *loss_marker(enum loss cause)
{
	return cause == LOSS_DEPTH ? MARKER_DEEPER : MARKER_MOVING;
}

const char *loss_about(enum loss cause)
{
	return (unsigned)cause < LOSS_CAUSES ? losses[cause].about :
					       "a cause that is not known";
}

bool state_is_idle(const struct state_def *def)
{
	if (def->run == RUN_UNKNOWN)
		return def->gil == GIL_WANTED;
	return def->run == RUN_SLEEPING || def->run == RUN_DISK ||
	       def->run == RUN_STOPPED;
}

bool state_wants_gil(const struct state_def *def)
{
	return def->gil == GIL_WANTED && def->run != RUN_STOPPED;
}

/* Not time, another thread, a lock, or whatever happens first (poll). */
bool state_is_io(const struct symbols *s, const struct state_def *def)
{
	static const char *const words[] = {
		"socket", "pipe", "file", "tty", "connect", "open", "fsync",
	};
	const char *wait = symbols_text(s, def->wait);
	size_t len = strcspn(wait, " "), i;

	if (def->run == RUN_DISK)
		return true;
	if (def->run != RUN_SLEEPING || !strncmp(wait, "file lock", 9))
		return false;
	for (i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (len == strlen(words[i]) && !memcmp(wait, words[i], len))
			return true;
	return false;
}
