/*
 * From one choice to the next, by a key.
 */
#include <stdlib.h>
#include <string.h>

#include "tui_priv.h"

void top_state_init(struct top_state *s)
{
	memset(s, 0, sizeof(*s));
	map_init(&s->opened);
	s->interval_ns = 1000000000u;
	s->follow = true;
	s->sort[TOP_CALLS] = 1;
}

void top_state_release(struct top_state *s)
{
	map_release(&s->opened);
	free(s->file);
	s->file = NULL;
}

/* ---- moving ---- */

static void go_home(struct top_state *s)
{
	s->at = s->scroll = s->column = 0;
	s->key = 0;
	s->follow = true;
}

static void show(struct top_state *s, enum top_view view)
{
	if (s->view == view)
		return;
	if (s->view < TOP_LISTS)
		s->before = s->view;
	s->view = view;
	go_home(s);
	if (view == TOP_CALLS)
		s->key = TOP_HOTTEST;
}

/* By so many rows, negative ones up. */
static void move_cursor(const struct screen *sc, struct top_state *s, long by)
{
	size_t n = sc->rows.len;
	long to = (long)sc->cursor + by;

	if (!n)
		return;
	to = to < 0 ? 0 : to >= (long)n ? (long)n - 1 : to;
	s->at = (size_t)to;
	s->scroll = sc->first;
	/* At the top it stays there, whatever comes to be there. */
	s->key = to ? sc->rows.v[to].key : 0;
}

static void move_pane(const struct screen *sc, struct top_state *s, long by)
{
	size_t room = sc->body_height;
	long to = (long)sc->first + by, last;

	last = sc->lines > room ? (long)(sc->lines - room) : 0;
	to = to < 0 ? 0 : to > last ? last : to;
	s->scroll = (size_t)to;
	s->follow = s->view == TOP_OUTPUT && to == last;
}

static void move(const struct screen *sc, struct top_state *s, long by)
{
	if (s->view < TOP_LISTS)
		move_cursor(sc, s, by);
	else
		move_pane(sc, s, by);
}

#define FAR (1l << 40)
#define COLUMNS_STEP 8u

static void move_columns(struct top_state *s, bool right)
{
	if (right && s->column < COLUMNS_STEP * 8192)
		s->column += COLUMNS_STEP;
	else if (!right && s->column)
		s->column -= COLUMNS_STEP;
}

/* ---- columns ---- */

static void sort_by(const struct screen *sc, struct top_state *s,
		    size_t column)
{
	if (s->view >= TOP_LISTS || column >= sc->rows.ncolumns)
		return;
	if (s->sort[s->view] == column)
		return;
	s->sort[s->view] = (unsigned)column;
	s->reverse = false;
	go_home(s);
}

/* The next one that is shown. */
static void sort_next(const struct screen *sc, struct top_state *s, int by)
{
	size_t n = sc->rows.ncolumns, i, at;

	if (s->view >= TOP_LISTS || !n)
		return;
	at = s->sort[s->view];
	for (i = 0; i < n; i++) {
		at = (at + n + (size_t)by) % n;
		if (sc->places[at].width)
			break;
	}
	sort_by(sc, s, at);
}

/* ---- opening ---- */

static const struct row *chosen(const struct screen *sc,
				const struct top_state *s)
{
	return s->view < TOP_LISTS && sc->cursor < sc->rows.len
		       ? &sc->rows.v[sc->cursor]
		       : NULL;
}

static void keep_cursor(const struct screen *sc, struct top_state *s)
{
	s->at = sc->cursor;
	s->scroll = sc->first;
	s->key = sc->rows.v[sc->cursor].key;
}

static void open_node(const struct screen *sc, struct top_state *s, bool open)
{
	const struct row *row = chosen(sc, s);
	size_t i = sc->cursor;

	if (!row)
		return;
	keep_cursor(sc, s);
	if (row->fold != FOLD_LEAF && (row->fold == FOLD_OPEN) != open) {
		map_put(&s->opened, row->key, open);
		return;
	}
	if (open)
		return;
	/* Closed already: to the caller. */
	while (i > 0 && sc->rows.v[i].depth >= row->depth)
		i--;
	move_cursor(sc, s, (long)i - (long)sc->cursor);
}

static void open_source(const struct screen *sc, struct top_state *s)
{
	const struct row *row = chosen(sc, s);

	if (!row || !row->file)
		return;
	free(s->file);
	s->file = xstrdup(row->file);
	/* Of a line that very one, of a function its hottest. */
	s->line = s->function = 0;
	if (s->view == TOP_LINES || s->view == TOP_THREADS)
		s->line = row->line;
	else
		s->function = row->line;
	show(s, TOP_SOURCE);
}

static void open_row(const struct screen *sc, struct top_state *s)
{
	const struct row *row = chosen(sc, s);

	if (!row)
		return;
	switch (s->view) {
	case TOP_CALLS:
		open_node(sc, s, row->fold != FOLD_OPEN);
		break;
	case TOP_THREADS:
		s->pid = row->pid;
		s->tid = row->tid;
		show(s, TOP_CALLS);
		break;
	case TOP_PROCESSES:
		s->pid = row->pid;
		show(s, TOP_FUNCTIONS);
		break;
	default:
		open_source(sc, s);
		break;
	}
}

/* Back from a pane, then to all rows, then to all threads. */
static void back(struct top_state *s)
{
	if (s->view >= TOP_LISTS)
		show(s, s->before);
	else if (*s->filter)
		*s->filter = '\0';
	else if (s->tid || s->pid) {
		show(s, s->tid ? TOP_THREADS : TOP_PROCESSES);
		s->pid = s->tid = 0;
	}
	go_home(s);
}

static void next_view(const struct screen *sc, struct top_state *s, int by)
{
	int at = (int)s->view;

	if (at >= TOP_LISTS) {
		show(s, s->before);
		return;
	}
	do
		at = (at + TOP_LISTS + by) % TOP_LISTS;
	while (at == TOP_PROCESSES && sc->m->nprocesses < 2);
	show(s, (enum top_view)at);
}

/* ---- the mouse ---- */

static void click(const struct screen *sc, struct top_state *s,
		  const struct top_key *key)
{
	enum top_view view;
	size_t i;

	if (sc->small)
		return;
	if (key->y == sc->tabs_y) {
		view = tab_at(sc, s, key->x);
		if (view != TOP_VIEWS)
			show(s, view);
		return;
	}
	if (s->view >= TOP_LISTS)
		return;
	for (i = 0; key->y == sc->head_y && i < sc->rows.ncolumns; i++)
		if (key->x >= sc->places[i].x &&
		    key->x < sc->places[i].x + sc->places[i].width) {
			if (s->sort[s->view] == i)
				s->reverse = !s->reverse;
			sort_by(sc, s, i);
			return;
		}
	if (key->y < sc->body_y || key->y >= sc->body_y + sc->body_height)
		return;
	i = sc->first + key->y - sc->body_y;
	if (i >= sc->rows.len)
		return;
	/* A click on what is chosen already opens it. */
	if (i == sc->cursor)
		open_row(sc, s);
	else
		move_cursor(sc, s, (long)i - (long)sc->cursor);
}

/* ---- typing ---- */

static void erase(char *input)
{
	size_t n = strlen(input);

	while (n && (input[n - 1] & 0xc0) == 0x80)
		n--;
	input[n ? n - 1 : 0] = '\0';
}

static void type(char *input, uint32_t point)
{
	struct str s;

	if (point < ' ' || point == 0x7f || point > 0x10ffff)
		return;
	str_init(&s);
	str_adds(&s, input);
	str_add_point(&s, point);
	if (s.len < TOP_INPUT_MAX)
		memcpy(input, s.data, s.len + 1);
	str_release(&s);
}

static enum top_action typed(struct top_state *s, const struct top_key *key)
{
	enum top_prompt prompt = s->prompt;

	switch (key->code) {
	case TOP_KEY_ENTER:
		s->prompt = PROMPT_NONE;
		if (prompt == PROMPT_EXPORT)
			return *s->input ? TOP_EXPORT : TOP_NOTHING;
		break;
	case TOP_KEY_ESCAPE:
	case 3: /* Ctrl-C */
		s->prompt = PROMPT_NONE;
		*s->input = '\0';
		break;
	case TOP_KEY_ERASE:
		erase(s->input);
		break;
	case 21: /* Ctrl-U */
		*s->input = '\0';
		break;
	default:
		type(s->input, key->code);
		break;
	}
	if (prompt != PROMPT_FILTER)
		return TOP_NOTHING;
	/* It is in force while it is being typed. */
	if (strcmp(s->filter, s->input)) {
		memcpy(s->filter, s->input, sizeof(s->filter));
		go_home(s);
	}
	return TOP_NOTHING;
}

static void ask(struct top_state *s, enum top_prompt prompt)
{
	s->prompt = prompt;
	if (prompt == PROMPT_FILTER)
		memcpy(s->input, s->filter, sizeof(s->input));
	else
		*s->input = '\0';
}

/* ---- keys ---- */

static void set_mode(struct top_state *s, enum view_mode mode)
{
	s->choice.mode = s->choice.mode == mode ? MODE_DEFAULT : mode;
	go_home(s);
}

static void set_interval(struct top_state *s, bool less)
{
	s->interval_ns = less ? s->interval_ns * 2 : s->interval_ns / 2;
	if (s->interval_ns > TOP_INTERVAL_MAX)
		s->interval_ns = TOP_INTERVAL_MAX;
	if (s->interval_ns < TOP_INTERVAL_MIN)
		s->interval_ns = TOP_INTERVAL_MIN;
}

/* Keys that show another view; false when it is none. */
static bool view_key(const struct screen *sc, struct top_state *s,
		     uint32_t code)
{
	switch (code) {
	case 'f':
		show(s, TOP_FUNCTIONS);
		return true;
	case 'l':
		show(s, TOP_LINES);
		return true;
	case 'c':
		show(s, TOP_CALLS);
		return true;
	case 't':
		show(s, TOP_THREADS);
		return true;
	case 'P':
		show(s, TOP_PROCESSES);
		return true;
	case 'S':
		open_source(sc, s);
		return true;
	case 'o':
		show(s, TOP_OUTPUT);
		return true;
	case 'h':
	case '?':
		if (s->view == TOP_HELP)
			back(s);
		else
			show(s, TOP_HELP);
		return true;
	case TOP_KEY_TAB:
	case '\t':
		next_view(sc, s, 1);
		return true;
	case TOP_KEY_BACK_TAB:
		next_view(sc, s, -1);
		return true;
	default:
		return false;
	}
}

static bool move_key(const struct screen *sc, struct top_state *s,
		     uint32_t code)
{
	long page = sc->body_height > 1 ? (long)sc->body_height - 1 : 1;

	switch (code) {
	case TOP_KEY_UP:
	case 'k':
		move(sc, s, -1);
		return true;
	case TOP_KEY_DOWN:
	case 'j':
		move(sc, s, 1);
		return true;
	case TOP_KEY_PAGE_UP:
		move(sc, s, -page);
		return true;
	case TOP_KEY_PAGE_DOWN:
		move(sc, s, page);
		return true;
	case TOP_KEY_WHEEL_UP:
		move(sc, s, -3);
		return true;
	case TOP_KEY_WHEEL_DOWN:
		move(sc, s, 3);
		return true;
	case TOP_KEY_HOME:
		move(sc, s, -FAR);
		return true;
	case TOP_KEY_END:
		move(sc, s, FAR);
		return true;
	case TOP_KEY_LEFT:
	case TOP_KEY_RIGHT:
		if (s->view == TOP_CALLS)
			open_node(sc, s, code == TOP_KEY_RIGHT);
		else if (s->view == TOP_OUTPUT)
			move_columns(s, code == TOP_KEY_RIGHT);
		return true;
	default:
		return false;
	}
}

static bool choice_key(const struct screen *sc, struct top_state *s,
		       uint32_t code)
{
	switch (code) {
	case 'w':
		set_mode(s, MODE_WALL);
		return true;
	case 'C':
		set_mode(s, MODE_CPU);
		return true;
	case 'g':
		set_mode(s, MODE_GIL);
		return true;
	case 'd':
		s->choice.idle = false;
		s->choice.mode = MODE_DEFAULT;
		go_home(s);
		return true;
	case 'i':
		s->choice.idle = !s->choice.idle;
		go_home(s);
		return true;
	case 'F':
		s->full_filenames = !s->full_filenames;
		return true;
	case 's':
	case '>':
		sort_next(sc, s, 1);
		return true;
	case '<':
		sort_next(sc, s, -1);
		return true;
	case 'I':
		s->reverse = !s->reverse;
		return true;
	default:
		if (code < '1' || code > '4')
			return false;
		sort_by(sc, s, code - '1');
		return true;
	}
}

static enum top_action other_key(const struct screen *sc, struct top_state *s,
				 const struct top_key *key)
{
	switch (key->code) {
	case 'q':
	case 3: /* Ctrl-C */
		return TOP_QUIT;
	case 26: /* Ctrl-Z */
		return TOP_SUSPEND;
	case 12: /* Ctrl-L */
		return TOP_REDRAW;
	case 'r':
		return TOP_RESET;
	case 'p':
	case ' ':
		s->paused = !s->paused;
		break;
	case '+':
	case '=':
		set_interval(s, false);
		return TOP_INTERVAL;
	case '-':
		set_interval(s, true);
		return TOP_INTERVAL;
	case '/':
		ask(s, PROMPT_FILTER);
		break;
	case 'e':
		ask(s, PROMPT_EXPORT);
		break;
	case TOP_KEY_ENTER:
		open_row(sc, s);
		break;
	case TOP_KEY_ESCAPE:
		back(s);
		break;
	case TOP_KEY_CLICK:
		click(sc, s, key);
		break;
	default:
		break;
	}
	return TOP_NOTHING;
}

enum top_action screen_key(const struct screen *sc, struct top_state *s,
			   const struct top_key *key)
{
	if (s->prompt != PROMPT_NONE)
		return typed(s, key);
	if (view_key(sc, s, key->code) || move_key(sc, s, key->code) ||
	    choice_key(sc, s, key->code))
		return TOP_NOTHING;
	return other_key(sc, s, key);
}
