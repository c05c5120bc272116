/*
 * A program that is not called python and holds an interpreter: it runs a
 * Python script from C, on request also in a second thread and in a second
 * interpreter. See usage(); built by build.sh, for CPython 2.7 and 3.6 on.
 *
 * In the script, __name__ tells where it runs: "__main__", "__thread__",
 * "__sub__". The exit status is 0 when no script raised.
 */
#include <Python.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_RUNS 3

/* One run of the script. */
struct run {
	pthread_t thread;
	PyInterpreterState *interp;
	const char *name;
	char **argv; /* the script and its arguments */
	int failed;
};

static void usage(void)
{
	fprintf(stderr,
		"usage: embed [-tsg] SCRIPT [ARGUMENT...]\n"
		"  -t  run it in a second thread too\n"
		"  -s  run it in a second interpreter too (own thread)\n"
		"  -g  like -s, with a GIL of its own (3.12 and later)\n");
	exit(2);
}

#if PY_VERSION_HEX < 0x03070000
static void init_threads(void)
{
	PyEval_InitThreads();
}
#else
static void init_threads(void)
{
}
#endif

#if PY_MAJOR_VERSION < 3
static PyObject *text_object(const char *text)
{
	return PyString_FromString(text);
}
#else
static PyObject *text_object(const char *text)
{
	return PyUnicode_DecodeFSDefault(text);
}
#endif

#if PY_VERSION_HEX >= 0x030c0000
static PyThreadState *new_interpreter(int own_gil)
{
	PyInterpreterConfig config = {
		.allow_threads = 1,
		.check_multi_interp_extensions = 1,
		.gil = PyInterpreterConfig_OWN_GIL,
	};
	PyThreadState *ts = NULL;

	if (!own_gil)
		return Py_NewInterpreter();
	if (PyStatus_Exception(Py_NewInterpreterFromConfig(&ts, &config)))
		return NULL;
	return ts;
}
#else
static PyThreadState *new_interpreter(int own_gil)
{
	return own_gil ? NULL : Py_NewInterpreter();
}
#endif

static int set_argv(char **argv)
{
	PyObject *list = PyList_New(0), *item;
	int failed = !list;

	for (; *argv && !failed; argv++) {
		item = text_object(*argv);
		failed = !item || PyList_Append(list, item);
		Py_XDECREF(item);
	}
	failed = failed || PySys_SetObject("argv", list);
	Py_XDECREF(list);
	return failed;
}

/* With a thread state of ours in force. */
static int run_script(const struct run *r)
{
	FILE *f = fopen(r->argv[0], "r");
	PyObject *globals, *name, *result = NULL;
	int failed;

	if (!f) {
		perror(r->argv[0]);
		return 1;
	}
	globals = PyDict_New();
	name = text_object(r->name);
	failed = !globals || !name ||
		 PyDict_SetItemString(globals, "__name__", name) ||
		 PyDict_SetItemString(globals, "__builtins__",
				      PyEval_GetBuiltins()) ||
		 set_argv(r->argv);
	if (!failed)
		result = PyRun_File(f, r->argv[0], Py_file_input, globals,
				    globals);
	if (!result)
		PyErr_Print();
	failed = !result;
	Py_XDECREF(result);
	Py_XDECREF(name);
	Py_XDECREF(globals);
	fclose(f);
	return failed;
}

static void *thread_main(void *arg)
{
	struct run *r = arg;
	/* Made here: up to 3.11 it notes which thread made it. */
	PyThreadState *ts = PyThreadState_New(r->interp);

	PyEval_RestoreThread(ts);
	r->failed = run_script(r);
	PyThreadState_Clear(ts);
	PyThreadState_DeleteCurrent();
	return NULL;
}

static void start(struct run *r, PyInterpreterState *interp, const char *name,
		  char **argv)
{
	r->interp = interp;
	r->name = name;
	r->argv = argv;
	if (pthread_create(&r->thread, NULL, thread_main, r)) {
		perror("pthread_create");
		exit(1);
	}
}

int main(int argc, char **argv)
{
	int thread = 0, sub = 0, own_gil = 0, failed, opt, i, n = 0;
	PyThreadState *main_state, *sub_state = NULL;
	struct run runs[MAX_RUNS], first;

	while ((opt = getopt(argc, argv, "+tsg")) != -1) {
		thread |= opt == 't';
		sub |= opt == 's' || opt == 'g';
		own_gil |= opt == 'g';
		if (opt == '?')
			usage();
	}
	if (optind == argc)
		usage();
	Py_Initialize();
	init_threads();
	main_state = PyThreadState_Get();
	first = (struct run){.name = "__main__", .argv = argv + optind};
	if (thread)
		start(&runs[n++], main_state->interp, "__thread__",
		      argv + optind);
	if (sub) {
		sub_state = new_interpreter(own_gil);
		if (!sub_state) {
			fprintf(stderr, "embed: no such interpreter here\n");
			return 2;
		}
		PyThreadState_Swap(main_state);
		start(&runs[n++], sub_state->interp, "__sub__",
		      argv + optind);
	}
	failed = run_script(&first);
	for (i = 0; i < n; i++) {
		Py_BEGIN_ALLOW_THREADS
		pthread_join(runs[i].thread, NULL);
		Py_END_ALLOW_THREADS
		failed |= runs[i].failed;
	}
	if (sub_state) {
		PyThreadState_Swap(sub_state);
		Py_EndInterpreter(sub_state);
		PyThreadState_Swap(main_state);
	}
	Py_Finalize();
	return failed;
}
