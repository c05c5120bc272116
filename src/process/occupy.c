/*
 * Taking the processor of a thread for the time of a read. A thread of ours with
 * real-time priority sleeps on that processor until a tick is due: whoever is
 * there then stands still, without being stopped, until it goes to sleep again.
 * Its timer interrupts at once. An interrupt from another processor, as a stop
 * is one, takes microseconds, and is known there before: a system call that ends
 * meanwhile ends with the stop.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base.h"
#include "process_priv.h"

#define AWAIT_NS 100000u /* that it waits for us at most, and we for it */
#define MOST_NS 200000u /* that it stays, once we have come */
#define LEAD_NS 50000u  /* before a tick is due, that we get up, at first */
#define LEAD_MOST_NS 150000u
#define LEAD_MORE_NS 1600u /* after a turn that we were too late for */
#define LEAD_LESS_NS 200u
#define LEAD_STEP_NS 4000u

enum turn {
	TURN_NONE, /* it is told nothing */
	TURN_DUE,  /* it sleeps until then */
	TURN_ON,   /* it is on the processor */
	TURN_QUIT,
};

struct occupier {
	pthread_t thread;
	clockid_t clock; /* its CPU time */
	_Atomic int cpu; /* -1: none */
	int quit; /* an event */
	_Atomic int sched; /* its file; -1: there is none */
	struct waker waker;
	_Atomic uint32_t turn;
	_Atomic bool come; /* we are there, and read */
	_Atomic uint64_t due, then; /* its turn, and the one behind that */
	bool told; /* of a turn, for which we did not come yet */
	uint64_t lead, wanted;
	_Atomic uint64_t turns, vain, longest_ns;
	uint64_t cpu_ns; /* as told last */
};

/* ---- its side ---- */

static bool change(struct occupier *o, enum turn from, enum turn to)
{
	uint32_t is = from;

	return atomic_compare_exchange_strong(&o->turn, &is, to);
}

static void count(struct occupier *o, uint64_t since, bool met)
{
	uint64_t stay = clock_mono() - since;

	atomic_fetch_add(&o->turns, 1);
	atomic_fetch_add(&o->vain, !met);
	if (stay > atomic_load(&o->longest_ns))
		atomic_store(&o->longest_ns, stay);
}

static void be_there(struct occupier *o)
{
	uint64_t since = clock_mono();
	bool met = false;

	/* It may have been told of a later turn meanwhile. */
	if (since < atomic_load(&o->due))
		return;
	/* Somebody else may have moved it. */
	if (sched_getcpu() != atomic_load(&o->cpu)) {
		atomic_store(&o->cpu, -1);
		change(o, TURN_DUE, TURN_NONE);
		return;
	}
	if (!change(o, TURN_DUE, TURN_ON))
		return;
	while (atomic_load(&o->turn) == TURN_ON) {
		met = met || atomic_load(&o->come);
		if (clock_mono() - since > (met ? MOST_NS : AWAIT_NS))
			change(o, TURN_ON, TURN_NONE);
	}
	count(o, since, met);
}

static void *occupy(void *arg)
{
	struct occupier *o = arg;
	int cpu, last = -1;
	uint32_t turn;

	atomic_store(&o->sched,
		     open("/proc/thread-self/sched", O_RDONLY | O_CLOEXEC));
	while ((turn = atomic_load(&o->turn)) != TURN_QUIT) {
		if (turn == TURN_NONE) {
			syscall(SYS_futex, &o->turn, FUTEX_WAIT_PRIVATE,
				TURN_NONE, NULL, NULL, 0);
			continue;
		}
		/* What was set ahead is the timer of another processor. */
		cpu = atomic_load(&o->cpu);
		if (cpu != last)
			waker_forget(&o->waker);
		last = cpu;
		waker_sleep(&o->waker, atomic_load(&o->due),
			    atomic_load(&o->then), o->quit);
		be_there(o);
	}
	return NULL;
}

/* ---- our side ---- */

static bool start_thread(struct occupier *o)
{
	struct sched_param param = {.sched_priority = 1};
	sigset_t all, before;
	pthread_attr_t attr;
	bool started;

	pthread_attr_init(&attr);
	pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED);
	pthread_attr_setschedpolicy(&attr, SCHED_FIFO);
	pthread_attr_setschedparam(&attr, &param);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	started = !pthread_create(&o->thread, &attr, occupy, o);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	return started;
}

static void close_all(struct occupier *o)
{
	waker_release(&o->waker);
	if (o->sched >= 0)
		close(o->sched);
	if (o->quit >= 0)
		close(o->quit);
	free(o);
}

struct occupier *occupier_new(void)
{
	struct occupier *o = xcalloc(1, sizeof(*o));

	o->cpu = o->sched = -1;
	o->lead = o->wanted = LEAD_NS;
	o->quit = eventfd(0, EFD_CLOEXEC);
	waker_init(&o->waker);
	if (o->quit < 0 || o->waker.fds[0] < 0 || !start_thread(o)) {
		close_all(o);
		return NULL;
	}
	pthread_getcpuclockid(o->thread, &o->clock); /* it lives */
	return o;
}

static void wake(struct occupier *o)
{
	syscall(SYS_futex, &o->turn, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

void occupier_free(struct occupier *o)
{
	cpu_set_t all;

	if (!o)
		return;
	/* Its processor may be somebody's who never lets go of it. */
	memset(&all, 0xff, sizeof(all));
	pthread_setaffinity_np(o->thread, sizeof(all), &all);
	atomic_store(&o->turn, TURN_QUIT);
	eventfd_write(o->quit, 1);
	wake(o);
	pthread_join(o->thread, NULL);
	close_all(o);
}

static bool move_to(struct occupier *o, int cpu)
{
	cpu_set_t set;

	if (cpu < 0 || cpu >= CPU_SETSIZE)
		return false;
	if (o->cpu == cpu)
		return true;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (pthread_setaffinity_np(o->thread, sizeof(set), &set))
		return false;
	o->cpu = cpu;
	return true;
}

bool occupy_at(struct occupier *o, int cpu, uint64_t due, uint64_t then)
{
	occupy_not(o);
	if (!move_to(o, cpu))
		return false;
	atomic_store(&o->due, due);
	atomic_store(&o->then, then);
	atomic_store(&o->come, false);
	atomic_store(&o->turn, TURN_DUE);
	o->told = true;
	wake(o);
	return true;
}

void occupy_not(struct occupier *o)
{
	o->told = false;
	if (!change(o, TURN_DUE, TURN_NONE))
		change(o, TURN_ON, TURN_NONE);
}

bool occupy_is_on(const struct occupier *o, int cpu)
{
	return (cpu < 0 || o->cpu == cpu) &&
	       atomic_load(&o->turn) == TURN_ON;
}

int occupy_since(const struct occupier *o, uint64_t *ns)
{
	char text[SCHED_START];
	int fd = atomic_load(&o->sched);

	if (fd < 0 || proc_reread(fd, text, sizeof(text)) < 0)
		return -EBADMSG;
	return sched_last_on(text, ns);
}

int occupy_cpu(const struct occupier *o)
{
	return atomic_load(&o->turn) == TURN_NONE ? -1 : o->cpu;
}

uint64_t occupy_lead(const struct occupier *o)
{
	return o->told ? o->lead : 0;
}

/*
 * To be late is to keep the target waiting, to be early is to wait ourselves:
 * one of nine turns is to be late. Small changes are saved up, since a
 * timer that was set ahead would have to be set again.
 */
static void judge_lead(struct occupier *o, bool late)
{
	if (late && o->wanted < LEAD_MOST_NS)
		o->wanted += LEAD_MORE_NS;
	else if (!late && o->wanted > LEAD_LESS_NS)
		o->wanted -= LEAD_LESS_NS;
	if (o->wanted >= o->lead + LEAD_STEP_NS ||
	    o->lead >= o->wanted + LEAD_STEP_NS)
		o->lead = o->wanted;
}

bool occupy_begin(struct occupier *o, int cpu)
{
	uint64_t until = atomic_load(&o->due) + AWAIT_NS;
	uint32_t turn = atomic_load(&o->turn);
	bool told = o->told;

	o->told = false;
	if (o->cpu != cpu)
		occupy_not(o);
	if (!told || o->cpu != cpu)
		return false;
	atomic_store(&o->come, true);
	judge_lead(o, turn != TURN_DUE);
	while (turn == TURN_DUE && clock_mono() < until)
		turn = atomic_load(&o->turn);
	return turn == TURN_ON ||
	       (turn == TURN_DUE && !change(o, TURN_DUE, TURN_NONE) &&
		atomic_load(&o->turn) == TURN_ON);
}

bool occupy_end(struct occupier *o, uint64_t due, uint64_t then)
{
	uint64_t now = clock_mono();

	atomic_store(&o->come, false);
	atomic_store(&o->due, due);
	atomic_store(&o->then, then);
	if (!change(o, TURN_ON, due > now ? TURN_DUE : TURN_NONE))
		return false;
	o->told = due > now;
	return true;
}

uint64_t occupy_took(struct occupier *o)
{
	struct timespec t;
	uint64_t took, now;

	if (clock_gettime(o->clock, &t))
		return 0;
	now = (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
	took = now - o->cpu_ns;
	o->cpu_ns = now;
	return took;
}

void occupy_counts(const struct occupier *o, struct occupy_counts *out)
{
	*out = (struct occupy_counts){.turns = atomic_load(&o->turns),
				      .vain = atomic_load(&o->vain),
				      .longest_ns = atomic_load(&o->longest_ns),
				      .cpu_ns = o->cpu_ns};
}
