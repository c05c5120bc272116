/*
 * What is sampled: a process that runs, or a program that we start. Either
 * may take its time to become Python, and may call exec.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "cli_priv.h"

#define STARTING_NS 2000000000u /* to be set up, seen from outside */
#define DYING_NS 200000000u /* between the loss of its memory and its end */
#define WAIT_FIRST_NS 1000000u
#define WAIT_LAST_NS 500000000u
#define WAIT_SHARE 16 /* of the time waited so far */
#define FOREVER UINT64_MAX

int subject_open(struct subject *s, struct err *err)
{
	int ret;

	if (!s->program)
		return process_open(&s->process, s->pid, err);
	ret = child_start_to(&s->child, s->program, s->out ? s->out : -1,
			     s->no_input, err);
	if (ret)
		return ret;
	s->pid = s->child.pid;
	signals_forward(s->pid);
	return 0;
}

void subject_explain(const struct subject *s, const char *command, int error,
		     struct err *err)
{
	const char *word = s->program ? s->program[0] : "";
	pid_t pid;

	if (error == -ENOENT && !parse_pid(word, &pid, NULL))
		err_set(err, error,
			"no program is called '%s'; for the process with that "
			"PID: pystrobe %s -p %s",
			word, command, word);
}

void subject_close(struct subject *s)
{
	if (!s->program)
		process_close(&s->process);
}

bool subject_alive(struct subject *s)
{
	if (!s->program)
		return process_alive(&s->process);
	if (!child_poll(&s->child))
		return true;
	/* Once reaped, its id may be another's. */
	signals_forward(0);
	return false;
}

void subject_wait(struct subject *s)
{
	while (!s->child.reaped)
		child_wait(&s->child);
	signals_forward(0);
}

/*
 * How long it is worth to try again after `error`. A program that we started
 * is often a wrapper that calls exec in the end. What looks wrong may be an
 * interpreter that is half set up.
 */
static uint64_t patience(const struct subject *s, int error)
{
	switch (error) {
	case -ENOENT:
		return s->program ? FOREVER : s->seen ? STARTING_NS : 0;
	case -EAGAIN:
		return s->program ? FOREVER : STARTING_NS;
	case -EBADMSG:
	case -ENOTSUP:
		return s->program || s->seen ? STARTING_NS : 0;
	case -ESRCH:
	case -EPERM:
		/* subject_alive() will tell. */
		return s->program || s->seen ? DYING_NS : 0;
	default:
		return 0;
	}
}

/* Looks often at first; what has not been Python for long may stay so. */
static uint64_t pause_after(uint64_t waited)
{
	uint64_t pause = waited / WAIT_SHARE;

	if (pause < WAIT_FIRST_NS)
		return WAIT_FIRST_NS;
	return pause < WAIT_LAST_NS ? pause : WAIT_LAST_NS;
}

/*
 * A process that is not Python is often the shell, or the like, around one
 * that is.
 */
static void explain_other(const struct subject *s, struct err *err)
{
	struct str its, command;
	struct process p;
	pid_t pid;

	str_init(&its);
	str_init(&command);
	pid = python_below(s->pid, &its);
	if (pid && !process_open(&p, s->pid, NULL)) {
		process_command(&p, &command);
		process_close(&p);
		err_set(err, -ENOENT,
			"process %d ('%.100s') is not Python; process %d "
			"('%.100s'), which it started, is: give that PID",
			(int)s->pid, command.data, (int)pid, its.data);
	}
	str_release(&its);
	str_release(&command);
}

/* So that nobody waits in vain; what it starts may be the Python meant. */
static void tell_waiting(const struct subject *s)
{
	struct str its;
	pid_t pid;

	str_init(&its);
	pid = python_below(s->pid, &its);
	if (pid)
		say("'%s' is not Python so far; waiting until it is, while "
		    "process %d ('%.100s'), which it started, is: pystrobe "
		    "record -p %d",
		    s->program[0], (int)pid, its.data, (int)pid);
	else
		say("'%s' is not Python so far; waiting until it is",
		    s->program[0]);
	str_release(&its);
}

/* One try; *again: another one may be worth it. */
static int try_once(struct subject *s, struct target **t, uint64_t waited,
		    bool *again, struct err *err)
{
	int ret = target_open(t, s->pid, &s->options, err);
	bool alive = !ret || subject_alive(s);

	/* Its end may look like one that is denied. */
	if (ret == -EPERM && s->program && !alive)
		ret = -ESRCH;
	if (!ret)
		s->seen = true;
	if (!ret || ret == -EAGAIN)
		s->python = true;
	*again = ret && alive && waited < patience(s, ret);
	return ret;
}

int subject_try(struct subject *s, struct target **t, uint64_t waited,
		uint64_t *pause, struct err *err)
{
	bool again;
	int ret = try_once(s, t, waited, &again, err);

	*pause = pause_after(waited);
	return again ? -EAGAIN : ret == -EAGAIN ? -ENOENT : ret;
}

int subject_attach(struct subject *s, struct target **t, uint64_t until,
		   struct err *err)
{
	uint64_t began = clock_mono(), now = began;
	bool told = s->quiet || s->seen, again;
	int ret;

	for (;;) {
		ret = try_once(s, t, now - began, &again, err);
		now = clock_mono();
		if (!again || now >= until || *signals_asked()) {
			if (ret == -ENOENT && !s->seen)
				explain_other(s, err);
			return ret;
		}
		if (!told && ret == -ENOENT && now - began > STARTING_NS) {
			tell_waiting(s);
			told = true;
		}
		now += pause_after(now - began);
		signals_sleep_until(now < until ? now : until);
	}
}
