/*
 * The terminal, by ncurses; nothing else includes it.
 *
 * What a signal handler needs to give the terminal back is made ready
 * beforehand: the settings of the line, and the bytes that end what we began.
 */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>
#include <wchar.h>

#include "tui.h"

/* Last: its macros have the names of common words. */
#include <ncurses.h>

#define END_MAX 256
#define MOUSE (BUTTON1_PRESSED | BUTTON1_CLICKED | BUTTON4_PRESSED | \
	       BUTTON5_PRESSED)

/* A handler has no argument of its own to find this by. */
static struct terminal_state {
	SCREEN *screen;
	FILE *in, *out;      /* ours to close, but for stdin */
	int in_fd;
	struct termios line; /* as it was */
	char end[END_MAX];   /* bytes that give the screen back */
	size_t nend;
	volatile sig_atomic_t ours; /* it has been taken over */
	bool colour, mouse;
	bool redraw;
	struct sigaction before[NSIG];
} terminal_state;

/* ---- giving it back, from any place ---- */

/* Only what signal-safety(7) allows. */
static void give_back(void)
{
	struct terminal_state *t = &terminal_state;

	if (!t->ours)
		return;
	t->ours = 0;
	if (write(STDOUT_FILENO, t->end, t->nend) < 0)
		t->nend = 0;
	/* In the background that would stop us. */
	signal(SIGTTOU, SIG_IGN);
	tcsetattr(t->in_fd, TCSANOW, &t->line);
}

void terminal_abandon(void)
{
	give_back();
}

static void on_end(int sig)
{
	give_back();
	signal(sig, SIG_DFL);
	raise(sig);
}

/*
 * All that end us and may come. Those that ask us to end have a handler
 * already, which comes back here only when it has had enough.
 */
static const int ends[] = {
	SIGSEGV, SIGBUS,  SIGFPE,  SIGILL,    SIGABRT, SIGSYS,  SIGTRAP,
	SIGQUIT, SIGALRM, SIGUSR1, SIGUSR2,   SIGXCPU, SIGXFSZ, SIGVTALRM,
	SIGPROF, SIGPOLL, SIGPWR,  SIGSTKFLT,
};
#define ENDS (sizeof(ends) / sizeof(*ends))

static void catch_ends(void)
{
	struct sigaction sa = {.sa_handler = on_end};
	size_t i;

	sigfillset(&sa.sa_mask);
	for (i = 0; i < ENDS; i++)
		sigaction(ends[i], &sa, &terminal_state.before[ends[i]]);
}

static void release_ends(void)
{
	size_t i;

	for (i = 0; i < ENDS; i++)
		sigaction(ends[i], &terminal_state.before[ends[i]], NULL);
}

static void add_end(const char *text)
{
	struct terminal_state *t = &terminal_state;
	size_t n = text && text != (char *)-1 ? strlen(text) : 0;

	if (t->nend + n > END_MAX)
		return;
	memcpy(t->end + t->nend, text, n);
	t->nend += n;
}

/* A terminfo string has waits in it, "$<5>", that only tputs knows. */
static void add_capability(const char *name)
{
	const char *text = tigetstr(name);

	if (text && text != (char *)-1 && !strstr(text, "$<"))
		add_end(text);
}

static void make_end(void)
{
	terminal_state.nend = 0;
	if (terminal_state.mouse)
		add_end("\033[?1000l\033[?1002l\033[?1003l\033[?1006l");
	add_capability("sgr0");
	add_capability("op");
	add_capability("rmkx");
	add_capability("cnorm");
	add_capability("rmcup");
}

/* ---- taking it over ---- */

struct look {
	short foreground;
	attr_t attributes;
};

static const struct look looks[INKS] = {
	[INK_PLAIN] = {-1, A_NORMAL},
	[INK_DIM] = {-1, A_DIM},
	[INK_STRONG] = {-1, A_BOLD},
	[INK_HEAD] = {COLOR_CYAN, A_REVERSE},
	[INK_SORTED] = {COLOR_CYAN, A_REVERSE | A_BOLD | A_UNDERLINE},
	[INK_CHOSEN] = {-1, A_REVERSE | A_BOLD},
	[INK_OWN] = {COLOR_GREEN, A_BOLD},
	[INK_PACKAGE] = {COLOR_CYAN, A_NORMAL},
	[INK_STDLIB] = {-1, A_NORMAL},
	[INK_MARKER] = {COLOR_MAGENTA, A_NORMAL},
	[INK_CPU] = {COLOR_GREEN, A_NORMAL},
	[INK_GIL] = {COLOR_CYAN, A_NORMAL},
	[INK_WANTED] = {COLOR_RED, A_BOLD},
	[INK_GC] = {COLOR_MAGENTA, A_NORMAL},
	[INK_IO] = {COLOR_BLUE, A_BOLD},
	[INK_WARNING] = {COLOR_YELLOW, A_BOLD},
	[INK_HOT] = {COLOR_RED, A_BOLD},
};

static void init_colours(void)
{
	short i;

	if (!terminal_state.colour || !has_colors()) {
		terminal_state.colour = false;
		return;
	}
	start_color();
	use_default_colors();
	for (i = 0; i < INKS; i++)
		init_pair((short)(i + 1), looks[i].foreground, -1);
}

static void init_input(void)
{
	raw();
	noecho();
	nonl();
	curs_set(0);
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	set_escdelay(50);
	if (terminal_state.mouse) {
		mousemask(MOUSE, NULL);
		mouseinterval(0);
	}
}

/* Standard input may be a pipe; the keys come from the terminal. */
static int open_input(struct err *err)
{
	struct terminal_state *t = &terminal_state;
	int fd;

	t->in = stdin;
	if (!isatty(STDIN_FILENO)) {
		fd = open("/dev/tty", O_RDWR | O_CLOEXEC);
		t->in = fd >= 0 ? fdopen(fd, "r") : NULL;
		if (!t->in)
			return err_set(err, -errno, "no terminal to read keys "
				       "from: %s; -b needs none",
				       strerror(errno));
	}
	t->in_fd = fileno(t->in);
	if (tcgetattr(t->in_fd, &t->line))
		return err_set(err, -errno, "cannot read the settings of the "
			       "terminal: %s", strerror(errno));
	return 0;
}

static bool has_capability(const char *name)
{
	const char *text = tigetstr(name);

	return text && text != (char *)-1;
}

static void let_go(void)
{
	struct terminal_state *t = &terminal_state;

	tcsetattr(t->in_fd, TCSANOW, &t->line);
	delscreen(t->screen);
	t->screen = NULL;
	fclose(t->out);
	if (t->in != stdin)
		fclose(t->in);
}

int terminal_open(const struct terminal_options *o, struct err *err)
{
	struct terminal_state *t = &terminal_state;
	const char *name = getenv("TERM");
	int ret = open_input(err);

	if (ret)
		return ret;
	t->colour = o->colour;
	t->mouse = o->mouse;
	t->out = fdopen(dup(STDOUT_FILENO), "w");
	t->screen = t->out ? newterm(NULL, t->out, t->in) : NULL;
	if (!t->screen && t->out)
		fclose(t->out);
	if (!t->screen)
		return err_set(err, -ENOTSUP, "the terminal '%s' is not known "
			       "here; set TERM to one that is, or use -b",
			       name ? name : "");
	if (!has_capability("cup") || !has_capability("clear")) {
		let_go();
		return err_set(err, -ENOTSUP, "the terminal '%s' cannot place "
			       "text on its screen; set TERM to what it is, or "
			       "use -b", name ? name : "");
	}
	make_end();
	t->ours = 1;
	catch_ends();
	init_input();
	init_colours();
	return 0;
}

void terminal_close(void)
{
	struct terminal_state *t = &terminal_state;

	if (!t->screen)
		return;
	if (t->ours)
		endwin();
	give_back();
	release_ends();
	let_go();
}

void terminal_leave(void)
{
	if (terminal_state.ours)
		endwin();
	give_back();
	signal(SIGTTOU, SIG_DFL);
}

void terminal_return(void)
{
	struct terminal_state *t = &terminal_state;

	if (!t->screen)
		return;
	if (!t->ours)
		tcgetattr(t->in_fd, &t->line);
	t->ours = 1;
	reset_prog_mode();
	/* It may have another size by now. */
	terminal_redraw();
	refresh();
}

void terminal_size(unsigned *width, unsigned *height)
{
	struct winsize size;

	if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_col &&
	    size.ws_row &&
	    ((int)size.ws_col != COLS || (int)size.ws_row != LINES))
		resizeterm(size.ws_row, size.ws_col);
	*width = COLS > 0 ? (unsigned)COLS : 1;
	*height = LINES > 0 ? (unsigned)LINES : 1;
}

/* ---- output ---- */

/* What the C library counts differently would push the rest of the line. */
static bool is_trusted(const struct grid_cell *cell, const struct grid_cell *end)
{
	int want = cell + 1 < end && !cell[1].point ? 2 : 1;

	return cell->point < 0x80 || wcwidth((wchar_t)cell->point) == want;
}

static void show_cell(int y, int x, const struct grid_cell *cell,
		      const struct grid_cell *end)
{
	wchar_t text[2 + GRID_MARKS] = {0};
	const struct look *look = &looks[cell->ink];
	attr_t attributes = look->attributes;
	cchar_t out;
	size_t i, n = 0;

	text[n++] = is_trusted(cell, end) ? (wchar_t)cell->point : L'?';
	for (i = 0; i < GRID_MARKS && cell->marks[i]; i++)
		if (wcwidth((wchar_t)cell->marks[i]) == 0)
			text[n++] = (wchar_t)cell->marks[i];
	setcchar(&out, text, attributes,
		 terminal_state.colour ? (short)(cell->ink + 1) : 0, NULL);
	mvadd_wch(y, x, &out);
}

void terminal_show(const struct grid *g)
{
	const struct grid_cell *row;
	unsigned x, y;

	if (terminal_state.redraw)
		clear();
	else
		erase();
	terminal_state.redraw = false;
	for (y = 0; y < g->height; y++) {
		row = g->cells + (size_t)y * g->width;
		for (x = 0; x < g->width; x++)
			if (row[x].point != ' ' || row[x].ink)
				if (row[x].point)
					show_cell((int)y, (int)x, &row[x],
						  row + g->width);
	}
	refresh();
}

void terminal_redraw(void)
{
	terminal_state.redraw = true;
}

/* ---- keys ---- */

int terminal_fd(void)
{
	return terminal_state.in_fd;
}

static uint32_t of_mouse(struct top_key *key)
{
	MEVENT event;

	if (getmouse(&event) != OK)
		return TOP_KEY_NONE;
	key->x = event.x > 0 ? (unsigned)event.x : 0;
	key->y = event.y > 0 ? (unsigned)event.y : 0;
	if (event.bstate & BUTTON4_PRESSED)
		return TOP_KEY_WHEEL_UP;
	if (event.bstate & BUTTON5_PRESSED)
		return TOP_KEY_WHEEL_DOWN;
	if (event.bstate & (BUTTON1_PRESSED | BUTTON1_CLICKED))
		return TOP_KEY_CLICK;
	return TOP_KEY_NONE;
}

static uint32_t of_function_key(wint_t code, struct top_key *key)
{
	static const struct {
		int from;
		uint32_t to;
	} keys[] = {
		{KEY_UP, TOP_KEY_UP}, {KEY_DOWN, TOP_KEY_DOWN},
		{KEY_LEFT, TOP_KEY_LEFT}, {KEY_RIGHT, TOP_KEY_RIGHT},
		{KEY_PPAGE, TOP_KEY_PAGE_UP}, {KEY_NPAGE, TOP_KEY_PAGE_DOWN},
		{KEY_HOME, TOP_KEY_HOME}, {KEY_END, TOP_KEY_END},
		{KEY_ENTER, TOP_KEY_ENTER}, {KEY_BACKSPACE, TOP_KEY_ERASE},
		{KEY_BTAB, TOP_KEY_BACK_TAB}, {KEY_RESIZE, TOP_KEY_RESIZE},
		{KEY_F(1), '?'}, {KEY_F(10), 'q'}, {KEY_DC, TOP_KEY_ERASE},
	};
	size_t i;

	if (code == KEY_MOUSE)
		return of_mouse(key);
	for (i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		if ((wint_t)keys[i].from == code)
			return keys[i].to;
	return TOP_KEY_NONE;
}

bool terminal_key(struct top_key *key)
{
	wint_t code;
	int ret = get_wch(&code);

	if (ret == ERR)
		return false;
	key->x = key->y = 0;
	if (ret == KEY_CODE_YES)
		key->code = of_function_key(code, key);
	else if (code == '\r' || code == '\n')
		key->code = TOP_KEY_ENTER;
	else if (code == 27)
		key->code = TOP_KEY_ESCAPE;
	else if (code == 8 || code == 127)
		key->code = TOP_KEY_ERASE;
	else
		key->code = (uint32_t)code;
	return true;
}
